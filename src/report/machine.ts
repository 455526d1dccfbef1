/** Versions and machine, so that a run can be repeated. */
import { cpus, release, totalmem } from 'node:os'
import { manifestOf, packageRoot } from '../loader/locate'
import { LIBTORCH_VERSION } from '../loader/platform'
import { native } from '../native'

export interface Machine {
  readonly zoetrope: string
  readonly node: string
  readonly libtorch: string
  readonly system: string
  readonly processor: string
  readonly instructionSet: string
  readonly threads: number
  readonly memoryBytes: number
  /** Where the model computed. */
  readonly device: string
}

export function machineOf(device: string): Machine {
  return {
    zoetrope: manifestOf(packageRoot())?.version ?? 'unknown',
    node: process.version,
    libtorch: LIBTORCH_VERSION,
    system: `${process.platform}-${process.arch}, kernel ${release()}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    instructionSet: native().instructionSet(),
    threads: native().getNumThreads(),
    memoryBytes: totalmem(),
    device,
  }
}
