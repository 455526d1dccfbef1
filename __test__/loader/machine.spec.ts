/** What Linux's own texts say about a machine and a process. */
import test from 'ava'
import { internal } from '../helpers/internals'
import type * as Machine from '../../dist/loader/machine'
import type * as PlatformModule from '../../dist/loader/platform'

const machine = internal('loader/machine') as typeof Machine
const { isOlder } = internal('loader/platform') as typeof PlatformModule

const MAPS = `
7f00-7f10 r--p 00000000 00:1f 1  /a b/ü/libtorch_cpu.so
7f10-7f20 r-xp 00000000 00:1f 1  /a b/ü/libtorch_cpu.so
7f20-7f30 r-xp 00000000 00:1f 2  /usr/lib/libgomp.so.1.0.0
7f30-7f40 r-xp 00000000 00:1f 3  /usr/lib/libgomp-a34b3233.so.1
7f40-7f50 r-xp 00000000 00:1f 4  /usr/lib/libc.so.6
7f50-7f60 rw-p 00000000 00:00 0
7f60-7f70 r-xp 00000000 00:1f 5  /app/sharp.node
7f70-7f80 rw-p 00000000 00:00 0  [heap]`

test('instruction sets are those of the first processor, on x86 and on ARM', (t) => {
  const x64 = 'processor\t: 0\nmodel name\t: Old\nflags\t\t: fpu sse2 ssse3\n\nprocessor\t: 1\nflags\t\t: sse4_1\n'
  t.deepEqual([...machine.instructionSetsIn(x64)], ['fpu', 'sse2', 'ssse3'])
  t.deepEqual([...machine.instructionSetsIn('processor\t: 0\nFeatures\t: fp asimd\n')], ['fp', 'asimd'])
  t.is(machine.instructionSetsIn('').size, 0)
})

test('a processor without SSE4.1 is refused, one that nobody describes is not', (t) => {
  t.deepEqual(machine.missingInstructions('x64', new Set(['sse2', 'ssse3'])), ['sse4_1'])
  t.deepEqual(machine.missingInstructions('x64', new Set(['sse2', 'sse4_1'])), [])
  t.deepEqual(machine.missingInstructions('x64', new Set()), [])
  t.deepEqual(machine.missingInstructions('arm64', new Set(['asimd'])), [])
  t.deepEqual(machine.missingInstructions(process.arch), [], 'this machine runs the tests')
})

test('libraries of the process, each once, and whose libtorch it is', (t) => {
  const loaded = machine.librariesIn(MAPS)
  t.deepEqual(loaded, [
    '/a b/ü/libtorch_cpu.so',
    '/usr/lib/libgomp.so.1.0.0',
    '/usr/lib/libgomp-a34b3233.so.1',
    '/usr/lib/libc.so.6',
    '/app/sharp.node',
  ])
  t.is(machine.libtorchInProcess(loaded), '/a b/ü')
  t.is(machine.libtorchInProcess(['/usr/lib/libc.so.6']), undefined)
  t.deepEqual(machine.foreignLibraries('/a b/ü', loaded), loaded.slice(1, 3))
  t.deepEqual(machine.foreignLibraries(undefined, loaded), loaded.slice(0, 3))
})

test('versions of two numbers are compared as numbers', (t) => {
  t.true(isOlder('2.9', '2.31'))
  t.true(isOlder('1.40', '2.31'))
  t.false(isOlder('2.31', '2.31'))
  t.false(isOlder('2.100', '2.31'))
  t.false(isOlder('3.0', '2.31'))
})
