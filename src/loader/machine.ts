/** What the machine and the process have: the processor's instructions, libraries that are loaded already. */
import { readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'

/** What libtorch's code for every x86 processor uses. It has faster code too, which it chooses at run time. */
const NEEDED_ON_X64 = ['sse4_1', 'sse4_2']

/** Libraries of which a process has one only, whoever brings it. */
const SHARED = /^(lib(torch|c10|gomp)[\w-]*\.so[\d.]*)$/

/** The processor's instruction sets as Linux names them; empty where Linux does not tell. */
export function instructionSets(): ReadonlySet<string> {
  const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readOrNothing('/proc/cpuinfo'))?.[1] ?? ''
  return new Set(line.split(' ').filter((name) => name !== ''))
}

/** Instruction sets that libtorch needs and the processor lacks. */
export function missingInstructions(cpu: string): string[] {
  const has = instructionSets()
  if (cpu !== 'x64' || has.size === 0) return []
  return NEEDED_ON_X64.filter((name) => !has.has(name))
}

/** Libraries in this process from elsewhere than `folder` of which libtorch needs its own. */
export function foreignLibraries(folder: string | undefined): string[] {
  return loadedLibraries().filter((path) => SHARED.test(basename(path)) && dirname(path) !== folder)
}

/** The files of all libraries in this process. */
export function loadedLibraries(): string[] {
  const paths = [...readOrNothing('/proc/self/maps').matchAll(/\s(\/\S.*\.so[\d.]*)$/gm)].map(([, path]) => path ?? '')
  return [...new Set(paths)]
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
