/** Which prebuilt package fits a machine. */

/** What a package is chosen by. */
export interface Platform {
  /** Such as `linux`. */
  readonly os: string
  /** Such as `x64`. */
  readonly cpu: string
  /** glibc's version, such as `2.36`; `undefined` where the C library is another, such as musl. */
  readonly glibc: string | undefined
}

/** A prebuilt addon and the libtorch that it runs on. */
export interface Prebuilt {
  readonly os: string
  readonly cpu: string
  /** The package that holds the addon. */
  readonly addon: string
  /** The package that holds libtorch. */
  readonly libtorch: string
}

/** Every prebuilt addon there is. */
export const PREBUILT: readonly Prebuilt[] = [
  { os: 'linux', cpu: 'x64', addon: '@zoetrope/linux-x64-gnu', libtorch: '@zoetrope/libtorch-linux-x64' },
  { os: 'linux', cpu: 'arm64', addon: '@zoetrope/linux-arm64-gnu', libtorch: '@zoetrope/libtorch-linux-arm64' },
]

/** The version of libtorch that the addon is built for, and runs on. */
export const LIBTORCH_VERSION = '2.11.0'

/** The one for this process's operating system and processor. */
export function prebuiltFor({ os, cpu }: Pick<Platform, 'os' | 'cpu'>): Prebuilt | undefined {
  return PREBUILT.find((prebuilt) => prebuilt.os === os && prebuilt.cpu === cpu)
}

/** This process's platform. Takes some milliseconds. */
export function currentPlatform(): Platform {
  return { os: process.platform, cpu: process.arch, glibc: glibcVersion() }
}

function glibcVersion(): string | undefined {
  const report: { excludeNetwork?: boolean; getReport: () => object } = process.report
  const { excludeNetwork = false } = report
  report.excludeNetwork = true //                       looking up the names of open sockets may take seconds
  try {
    const { header } = report.getReport() as { header?: { glibcVersionRuntime?: unknown } }
    const version = header?.glibcVersionRuntime
    return typeof version === 'string' ? version : undefined
  } finally {
    report.excludeNetwork = excludeNetwork
  }
}

/** Whether a version of two numbers is older than another. */
export function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [thanMajor = 0, thanMinor = 0] = than.split('.').map(Number)
  return major < thanMajor || (major === thanMajor && minor < thanMinor)
}
