/** The machine: C library, processor, threads and memory, and what limits them. */
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, freemem, release, totalmem } from 'node:os'
import { failed, note, ok } from './check'
import { isOlder } from '../loader/platform'
import { instructionSets, missingInstructions } from '../loader/machine'
import type { Check } from './check'
import type { Platform } from '../loader/platform'

/** Below this a training of small clips runs out of memory. */
const LITTLE_MEMORY = 1e9
/** Environment variables by which users limit the threads of libtorch. */
const THREAD_VARIABLES = [
  'OMP_NUM_THREADS',
  'OMP_THREAD_LIMIT',
  'OMP_WAIT_POLICY',
  'GOMP_SPINCOUNT',
  'GOMP_CPU_AFFINITY',
]

/** `needed` is the glibc that the addon was linked for, where it says so. */
export function checkSystem(platform: Platform, needed: string | undefined): Check[] {
  return [
    ok('system', `${platform.os}-${platform.cpu}, kernel ${release()}, Node ${process.version}`),
    checkGlibc(platform, needed),
    checkProcessor(platform),
    checkMemory(),
  ]
}

function checkGlibc({ glibc }: Platform, needed: string | undefined): Check {
  const name = 'C library'
  if (glibc === undefined) return failed(name, 'not glibc', 'use an image with glibc, such as node:22-slim')
  if (needed !== undefined && isOlder(glibc, needed)) {
    return failed(name, `glibc ${glibc}; ${needed} is needed`, 'use Debian 11, Ubuntu 20.04, RHEL 9 or newer')
  }
  return ok(name, `glibc ${glibc}${needed === undefined ? '' : ` (${needed} is needed)`}`)
}

function checkProcessor({ cpu }: Platform): Check {
  const model = cpus()[0]?.model.trim() ?? 'unknown'
  const missing = missingInstructions(cpu)
  if (missing.length > 0) {
    return failed(
      'processor',
      `${model}, without ${missing.join(', ')}`,
      'use another machine, or pass the host’s processor through',
    )
  }
  const has = instructionSets()
  const known = [['amx_tile', 'AMX'], ['avx512f', 'AVX-512'], ['avx2', 'AVX2'], ['asimd', 'NEON']] as const // prettier-ignore
  const best = known.filter(([flag]) => has.has(flag)).map(([, words]) => words)
  return ok(
    'processor',
    `${model}; it has ${best.length > 0 ? best.join(', ') : 'no vector instructions that kernels use'}`,
  )
}

function checkMemory(): Check {
  const limit = cgroupNumber('memory.max', 'memory/memory.limit_in_bytes')
  const total = Math.min(totalmem(), limit ?? Infinity)
  const limited = limit !== undefined && limit < totalmem() ? ', limited by the container' : ''
  const found = `${gigabytes(total)} GB${limited}, ${gigabytes(Math.min(freemem(), total))} GB free`
  if (total >= LITTLE_MEMORY) return ok('memory', found)
  return note('memory', found, 'give the container more, or train with small batches')
}

/** `used` is the number of threads that the package takes; `undefined` where it does not load. */
export function checkThreads(used: number | undefined): Check {
  const cores = cpus().length
  const affinity = availableParallelism()
  const quota = cpuQuota()
  const set = THREAD_VARIABLES.filter((variable) => process.env[variable] !== undefined)
  const limits = [
    ...(affinity < cores ? [`affinity allows ${affinity}`] : []),
    ...(quota === undefined ? [] : [`the container's quota is ${quota.toFixed(1)}`]),
    ...set.map((variable) => `${variable}=${process.env[variable]}`),
  ]
  const found = `${used === undefined ? '' : `${used} used, `}${cores} cores${limits.map((limit) => `, ${limit}`).join('')}`
  if (used === undefined || quota === undefined || used <= Math.ceil(quota)) return ok('threads', found)
  return note(
    'threads',
    found,
    `call \`setNumThreads(${Math.ceil(quota)})\`: more threads than the quota wait for each other`,
  )
}

/** Processors that the container may use, where it is limited. */
function cpuQuota(): number | undefined {
  const [quota, period] = (readOrNothing('/sys/fs/cgroup/cpu.max') || '').trim().split(' ').map(Number)
  if (quota && period) return quota / period
  const old = Number(readOrNothing('/sys/fs/cgroup/cpu/cpu.cfs_quota_us'))
  const oldPeriod = Number(readOrNothing('/sys/fs/cgroup/cpu/cpu.cfs_period_us'))
  return old > 0 && oldPeriod > 0 ? old / oldPeriod : undefined
}

function cgroupNumber(...names: string[]): number | undefined {
  for (const name of names) {
    const value = Number(readOrNothing(`/sys/fs/cgroup/${name}`).trim() || NaN)
    if (Number.isFinite(value)) return value
  }
  return undefined
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1)
