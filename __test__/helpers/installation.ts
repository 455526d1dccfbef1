/** The package as a package manager lays it out, in a folder of its own; what was built in the clone stands in for it. */
import { createHash } from 'node:crypto'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { getNumThreads } from 'zoetrope'
import { REPOSITORY } from './child'
import { internal } from './internals'
import type * as Machine from '../../dist/loader/machine'
import type * as PlatformModule from '../../dist/loader/platform'

const { loadedLibraries } = internal('loader/machine') as typeof Machine
const { PREBUILT } = internal('loader/platform') as typeof PlatformModule

const parent = mkdtempSync(join(tmpdir(), 'zoetrope installed é-'))
process.once('exit', () => rmSync(parent, { recursive: true, force: true }))
let count = 0

const prebuilt = PREBUILT.find(({ os, cpu }) => os === process.platform && cpu === process.arch)
if (prebuilt === undefined) throw new Error('These tests need a platform with a prebuilt addon')

/** Files that are copied, and hashed; the others take a second each. */
const SMALL = ['libc10.so', 'libgomp.so.1', 'loader.node']

export class Installation {
  readonly folder = join(parent, String(count++))
  readonly root = join(this.folder, 'node_modules', 'zoetrope')
  readonly addon = join(this.folder, 'node_modules', prebuilt!.addon)
  readonly libtorch = join(this.folder, 'node_modules', prebuilt!.libtorch)

  constructor() {
    const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { version: string }
    mkdirSync(this.root, { recursive: true })
    cpSync(join(REPOSITORY, 'dist'), join(this.root, 'dist'), { recursive: true })
    copyFileSync(join(REPOSITORY, 'package.json'), join(this.root, 'package.json'))
    this.#writeJson(join(this.addon, 'package.json'), { name: prebuilt!.addon, version, config: { glibc: '2.31' } })
    const suffix = `${process.platform}-${process.arch}-gnu.node`
    this.#write(this.addon, this.addon, [
      [join(REPOSITORY, `zoetrope.${suffix}`), 'zoetrope.node'],
      [join(REPOSITORY, `zoetrope-loader.${suffix}`), 'loader.node'],
    ])
    this.#writeJson(join(this.libtorch, 'package.json'), { name: prebuilt!.libtorch, version: '2.11.0-1' })
    const libraries = builtLibraries().map((path) => [path, basename(path)] as const)
    this.#write(this.libtorch, join(this.libtorch, 'lib'), libraries)
  }

  /** A library of the libtorch package. */
  library(name: string): string {
    return join(this.libtorch, 'lib', name)
  }

  /** Copies the libraries, whole, into another folder. `cpSync` of some Nodes copies the links. */
  copyLibraries(to: string): void {
    mkdirSync(to, { recursive: true })
    for (const name of readdirSync(join(this.libtorch, 'lib'))) copyFileSync(this.library(name), join(to, name))
  }

  /** Puts files into a package and into its manifest: small ones as copies, the others as links and without a sum. */
  #write(root: string, folder: string, files: readonly (readonly [from: string, name: string])[]): void {
    mkdirSync(folder, { recursive: true })
    const described: Record<string, { bytes: number; sha256: string }> = {}
    for (const [from, name] of files) {
      if (!SMALL.includes(name)) {
        symlinkSync(from, join(folder, name))
        continue
      }
      copyFileSync(from, join(folder, name))
      const sha256 = createHash('sha256').update(readFileSync(from)).digest('hex')
      described[name] = { bytes: statSync(from).size, sha256 }
    }
    this.#writeJson(join(root, 'manifest.json'), { libtorch: '2.11.0', files: described })
  }

  #writeJson(path: string, value: unknown): void {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, JSON.stringify(value))
  }
}

/** The libraries that the addon of the clone brings into a process, from wherever they are. */
export function builtLibraries(): string[] {
  getNumThreads()
  return loadedLibraries().filter((path) => /^lib(torch|c10|gomp|cudart|cupti)/.test(basename(path)))
}
