/** What the figures were measured on, and with. */
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { capture, root } from '../../scripts/steps.mjs'

const INSTRUCTION_SETS = [
  'avx',
  'avx2',
  'fma',
  'avx512f',
  'avx512bw',
  'avx512vl',
  'avx512_vnni',
  'avx512_bf16',
  'amx_bf16',
]

export async function describeMachine(python) {
  const [commit, changes, torch] = await Promise.all([
    output('git', ['rev-parse', 'HEAD']),
    output('git', ['status', '--porcelain']),
    python && output(python, ['-c', 'import sys, torch; print(sys.version.split()[0], torch.__version__)']),
  ])
  const [pythonVersion, torchVersion] = torch?.split(' ') ?? []
  return {
    date: new Date().toISOString(),
    commit,
    hasUncommittedChanges: changes === undefined ? undefined : changes !== '',
    cpu: cpus()[0].model.trim(),
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    isa: instructionSets(),
    system: `${process.platform} ${release()}`,
    loadBefore: loadavg()[0],
    versions: {
      zoetrope: JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version,
      node: process.versions.node,
      python: pythonVersion,
      torch: torchVersion,
    },
  }
}

function instructionSets() {
  try {
    const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1].trim().split(' ') ?? []
    return INSTRUCTION_SETS.filter((name) => flags.includes(name))
  } catch {
    return []
  }
}

async function output(command, args) {
  const { code, stdout } = await capture(command, args, { cwd: root })
  return code === 0 ? stdout.trim() : undefined
}
