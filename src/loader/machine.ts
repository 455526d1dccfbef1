/** What the machine and the process have: the processor's instructions, libraries that are loaded already. */
import { closeSync, openSync, readFileSync, readSync, realpathSync } from 'node:fs'
import { basename, dirname } from 'node:path'

/**
 * What libtorch's code for every x86 processor uses; it has faster code too, which it chooses at run time. Found by
 * `scripts/package/test/processors.mjs`: without SSE4.1 small networks train, and oneDNN's layers fail at their first call.
 */
const NEEDED_ON_X64 = ['sse4_1']

/** Libraries of which a process has one only, whoever brings it. */
const SHARED = /^(lib(torch|c10|gomp)[\w-]*\.so[\d.]*)$/

/** /proc/cpuinfo describes one processor after the other; the first is within this many bytes. */
const FIRST_PROCESSOR = 1 << 14

/** The processor's instruction sets as Linux names them; empty where Linux does not tell. */
export function instructionSets(): ReadonlySet<string> {
  return instructionSetsIn(beginningOf('/proc/cpuinfo'))
}

/** Those of the first processor in the text of /proc/cpuinfo. */
export function instructionSetsIn(cpuinfo: string): ReadonlySet<string> {
  const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ?? ''
  return new Set(line.split(' ').filter((name) => name !== ''))
}

/** Instruction sets that libtorch needs and the processor lacks. */
export function missingInstructions(cpu: string, has = instructionSets()): string[] {
  if (cpu !== 'x64' || has.size === 0) return []
  return NEEDED_ON_X64.filter((name) => !has.has(name))
}

/** Libraries in this process from elsewhere than `folder` of which libtorch needs its own. */
export function foreignLibraries(folder: string | undefined, loaded = loadedLibraries()): string[] {
  const own = folder === undefined ? undefined : realPath(folder)
  return loaded.filter((path) => SHARED.test(basename(path)) && dirname(path) !== own)
}

/** The folder of the libtorch that this process has already. */
export function libtorchInProcess(loaded = loadedLibraries()): string | undefined {
  const library = loaded.find((path) => basename(path) === 'libtorch_cpu.so')
  return library === undefined ? undefined : dirname(library)
}

/** The files of all libraries in this process; none where Linux does not tell. */
export function loadedLibraries(): string[] {
  return librariesIn(readOrNothing('/proc/self/maps'))
}

/** Those in the text of /proc/self/maps. */
export function librariesIn(maps: string): string[] {
  const paths = [...maps.matchAll(/\s(\/\S.*\.(?:so[\d.]*|node))$/gm)].map(([, path]) => path ?? '')
  return [...new Set(paths)]
}

function realPath(folder: string): string {
  try {
    return realpathSync(folder)
  } catch {
    return folder
  }
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Linux writes the file as it is read: all of it takes milliseconds on a machine of many processors. */
function beginningOf(path: string): string {
  try {
    const file = openSync(path, 'r')
    try {
      const bytes = Buffer.alloc(FIRST_PROCESSOR)
      return bytes.toString('utf8', 0, readSync(file, bytes))
    } finally {
      closeSync(file)
    }
  } catch {
    return ''
  }
}
