/** Hostile values: whatever a program can pass where the types would not let it, or where nobody thought of it. */
import vm from 'node:vm'
import type { Random } from './random'

/** A value and how a report names it. */
export type Named = readonly [label: string, value: unknown]

/** What the fuzzer's own callbacks, getters and datasets throw: the package may hand it on. */
export class UserError extends Error {}

/** The reason of the fuzzer's own aborted signals. */
export const ABORT_REASON = new UserError('aborted by the fuzzer')

const SMALL = [0, -0, 1, -1, 2, 3, 0.5, 1.5, -0.1, NaN, Infinity, -Infinity]
const EDGES = [
  2 ** 16,
  2 ** 20,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 32 - 1,
  2 ** 32,
  2 ** 32 + 1,
  2 ** 53 - 1,
  2 ** 53,
]
const FAR = [2 ** 63, 12_000, 1e-46, 5e-324, 1e-320, 1e-8, 1 - 1e-16, 1 + 2 ** -52, 3.5e38, 1e39, 1e300, -1e39]
const NUMBERS = [...SMALL, ...EDGES, ...FAR, Number.MAX_VALUE]

const WORDS = [
  '',
  ' ',
  '0',
  '1',
  'NaN',
  '\0',
  'a\0b',
  '__proto__',
  'constructor',
  'toString',
  'length',
  'auto',
  'cpu',
  'cuda',
]
const ODD = ['cuda:999', 'LAST', 'mean ', '\ud800', 'ﬁ😀', '%s%n', '../x', 'x'.repeat(4000), 'cnn', 'lstm.lstm', '.']
const STRINGS = [...WORDS, ...ODD]

const hostile = {
  throwing: () => {
    throw new UserError('thrown by the fuzzer')
  },
  rejecting: () => rejected(),
}

function rejected(): Promise<never> {
  const promise = Promise.reject(new UserError('rejected by the fuzzer'))
  promise.catch(() => undefined) // where the package never looks at it
  return promise
}

/** What `await` takes for a promise. */
export function thenable(
  then: (resolve: (value: unknown) => void, reject: (reason: unknown) => void) => void,
): unknown {
  return { then } // oxlint-disable-line unicorn/no-thenable -- on purpose
}

function cyclic(): unknown {
  const object: Record<string, unknown> = { length: 2 }
  return Object.assign(object, { self: object, get: () => object, 0: object, 1: object })
}

class Float32 extends Float32Array {}
class List extends Array<number> {}

function* throwingGenerator(): Generator<number> {
  yield 1
  throw new UserError('thrown by a generator')
}

const SYMBOL = Symbol('thrown by the fuzzer')

/** What is thrown so is the program's own: the package may hand it on. */
const thrown = new WeakSet<object>()

function raise(value: unknown): never {
  if (typeof value === 'object' && value !== null) thrown.add(value)
  throw value
}

export const isThrown = (value: unknown): boolean =>
  value === SYMBOL || value === null || (typeof value === 'object' && thrown.has(value))

const FUNCTIONS: readonly (readonly [string, () => unknown])[] = [
  ['throws', () => hostile.throwing],
  ['rejects', () => hostile.rejecting],
  ['throws undefined later', () => async () => hostile.throwing()],
  ['returns NaN', () => () => NaN],
  ['returns undefined', () => () => undefined],
  ['returns null', () => () => null],
  ['returns a string', () => () => 'x'],
  ['returns a symbol', () => () => Symbol('returned')],
  ['returns a bigint', () => () => 10n],
  ['returns an object', () => () => ({})],
  ['returns a thenable that throws', () => () => thenable(hostile.throwing)],
  ['returns a huge number', () => () => 1e39],
  [
    'returns its arguments',
    () =>
      (...args: unknown[]) =>
        args,
  ],
  ['a class', () => Float32],
  ['throws null', () => () => raise(null)],
  ['throws an object without prototype', () => () => raise(Object.create(null))],
  ['throws a revoked Proxy', () => () => raise(revoked({}))],
  [
    'throws an error whose message is a symbol',
    () => () => raise(Object.assign(new UserError('x'), { message: SYMBOL })),
  ],
  ['rejects with a symbol', () => async () => raise(SYMBOL)],
  ['rejects with a revoked Proxy', () => async () => raise(revoked({}))],
  ['an async generator', () => async function* () {}],
]

/** A proxy whose traps all throw. */
function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

function arrayOfGetters(get: () => unknown): unknown[] {
  const array: unknown[] = []
  for (const index of [0, 1, 2, 3]) Object.defineProperty(array, index, { enumerable: true, configurable: true, get })
  return array
}

/** Lies about one property, whatever the property of the target is. */
function lying(target: object, key: string, value: unknown): unknown {
  return new Proxy(target, { get: (_, name) => (name === key ? value : Reflect.get(target, name)) })
}

let turn = 0

const OBJECTS: readonly (readonly [string, () => unknown])[] = [
  ['undefined', () => undefined],
  ['null', () => null],
  ['false', () => false],
  ['true', () => true],
  ['0', () => 0],
  ["''", () => ''],
  ['10n', () => 10n],
  ['2n ** 64n', () => 2n ** 64n],
  ['-1n', () => -1n],
  ['symbol', () => Symbol('fuzz')],
  ['{}', () => ({})],
  ['[]', () => []],
  ['[undefined]', () => [undefined]],
  ['[null]', () => [null]],
  ['[NaN]', () => [NaN]],
  ['[[]]', () => [[]]],
  ['sparse array', () => [1, , 3]], // oxlint-disable-line no-sparse-arrays -- on purpose
  ['array of length 2 ** 32 - 1', () => Object.assign([], { length: 2 ** 32 - 1 })],
  ['array of 1e6 holes', () => Object.assign([], { length: 1e6 })],
  ['array of getters that throw', () => arrayOfGetters(hostile.throwing)],
  ['array of getters that change', () => arrayOfGetters(() => (turn++ % 2 === 0 ? 1 : 'x'))],
  ['revoked Proxy', () => revoked({})],
  ['revoked Proxy of an array', () => revoked([])],
  ['revoked Proxy of a function', () => revoked(hostile.throwing)],
  ['array that lies about its length', () => lying([1, 2], 'length', 2 ** 32)],
  ['array whose length is text', () => lying([1, 2], 'length', '2')],
  ['error whose message is a symbol', () => Object.assign(new Error('x'), { message: Symbol('x') })],
  ['error whose message throws', () => Object.defineProperty(new Error('x'), 'message', { get: hostile.throwing })],
  ['toPrimitive gives an object', () => ({ [Symbol.toPrimitive]: () => ({}) })],
  ['Proxy without prototype', () => new Proxy({}, { getPrototypeOf: hostile.throwing })],
  ['function whose name throws', () => Object.defineProperty(() => 1, 'name', { get: hostile.throwing })],
  ['List', () => List.from([1, 2])],
  ['object without prototype', () => Object.create(null) as unknown],
  ['frozen object', () => Object.freeze({ a: 1 })],
  ['cyclic', cyclic],
  ['{ length: -1 }', () => ({ length: -1, get: () => undefined })],
  ['{ length: 2 ** 53 }', () => ({ length: 2 ** 53, get: hostile.throwing })],
  ['{ length: NaN }', () => ({ length: NaN, get: () => undefined })],
  ['promise', () => Promise.resolve(1)],
  ['rejected promise', rejected],
  ['thenable', () => thenable((resolve) => resolve(1))],
  ['iterator whose next gives nothing', () => ({ [Symbol.iterator]: () => ({ next: () => undefined }) })],
  ['iterator without next', () => ({ [Symbol.iterator]: () => ({}) })],
  ['Symbol.iterator that is no function', () => ({ [Symbol.iterator]: 1 })],
  ['async iterator whose next gives nothing', () => ({ [Symbol.asyncIterator]: () => ({ next: () => undefined }) })],
  ['async iterator that rejects', () => ({ [Symbol.asyncIterator]: () => ({ next: rejected }) })],
  ['generator that throws', throwingGenerator],
  ['generator', () => throwingGenerator()],
  ['Map', () => new Map([['a', 1]])],
  ['Set', () => new Set([1])],
  ['Date', () => new Date(NaN)],
  ['RegExp', () => /x/],
  ['Error', () => new Error('a value')],
  ['String object', () => new String('a')], // oxlint-disable-line no-new-wrappers -- on purpose
  ['Number object', () => new Number(1)], // oxlint-disable-line no-new-wrappers -- on purpose
  ['toPrimitive throws', () => ({ [Symbol.toPrimitive]: hostile.throwing })],
  ['constructor getter throws', () => Object.defineProperty({}, 'constructor', { get: hostile.throwing })],
  [
    'Proxy that throws',
    () => new Proxy({}, { get: hostile.throwing, has: hostile.throwing, ownKeys: hostile.throwing }),
  ],
  ['Proxy of an array', () => new Proxy([1, 2], {})],
  ['Proxy of a Float32Array', () => new Proxy(new Float32Array(4), {})],
  ['DataView', () => new DataView(new ArrayBuffer(8))],
  ['ArrayBuffer', () => new ArrayBuffer(8)],
  ['Buffer', () => Buffer.alloc(4)],
  ['globalThis', () => globalThis],
  ['aborted signal', () => AbortSignal.abort(ABORT_REASON)],
  ['foreign array', () => vm.runInNewContext('[1, 2]') as unknown],
  ['foreign object', () => vm.runInNewContext('({ a: 1 })') as unknown],
  ['foreign error', () => vm.runInNewContext('new TypeError("x")') as unknown],
  ['URL', () => new URL('https://example.org/x')],
  ['WeakRef', () => new WeakRef({})],
]

/** Any hostile value. */
export function anything(random: Random): Named {
  const kind = random.below(10)
  if (kind < 3) return number(random)
  if (kind === 3) return string(random)
  if (kind === 4) return callback(random)
  if (kind === 5) return typedArray(random, 1 + random.below(16))
  const [label, make] = random.pick(OBJECTS)
  return [label, make()]
}

export function number(random: Random): Named {
  const value = random.pick(NUMBERS)
  return [Object.is(value, -0) ? '-0' : String(value), value]
}

export function string(random: Random): Named {
  const value = random.pick(STRINGS)
  return [JSON.stringify(value.slice(0, 20)), value]
}

export function callback(random: Random): Named {
  const [label, make] = random.pick(FUNCTIONS)
  return [`function: ${label}`, make()]
}

/** A typed array of about this length, in one of the ways in which one can be wrong or unusual. */
export function typedArray(random: Random, length: number): Named {
  const bytes = length * 4
  const choices: readonly (readonly [string, () => unknown])[] = [
    ['Float64Array', () => new Float64Array(length)],
    ['Int32Array', () => new Int32Array(length)],
    ['Int8Array', () => new Int8Array(length)],
    ['Uint8ClampedArray', () => new Uint8ClampedArray(length)],
    ['Uint8Array', () => new Uint8Array(length)],
    ['BigInt64Array', () => new BigInt64Array(length)],
    ['empty Float32Array', () => new Float32Array(0)],
    ['longer Float32Array', () => new Float32Array(length + 1)],
    ['shorter Float32Array', () => new Float32Array(Math.max(0, length - 1))],
    ['Float32Array of NaN', () => new Float32Array(length).fill(NaN)],
    ['Float32Array of Infinity', () => new Float32Array(length).fill(Infinity)],
    ['Float32Array of 3e38', () => new Float32Array(length).fill(3e38)],
    ['Float32Array of 1e-45', () => new Float32Array(length).fill(1e-45)],
    ['subclass', () => new Float32(length)],
    ['foreign Float32Array', () => vm.runInNewContext(`new Float32Array(${length})`) as unknown],
    ['foreign Uint8Array', () => vm.runInNewContext(`new Uint8Array(${length})`) as unknown],
    ['shared Float32Array', () => new Float32Array(new SharedArrayBuffer(bytes))],
    ['shared Uint8Array', () => new Uint8Array(new SharedArrayBuffer(length))],
    ['growable shared', () => new Float32Array(shared(bytes, bytes * 2), 0, length)],
    ['resizable Float32Array', () => new Float32Array(resizable(bytes, bytes * 2))],
    ['shrunk Float32Array', () => shrunk(bytes)],
    ['detached Float32Array', () => detached(new Float32Array(length))],
    ['Float32Array with an offset', () => new Float32Array(new ArrayBuffer(bytes + 4), 4, length)],
    [
      'Float32Array with its own length',
      () => Object.defineProperty(new Float32Array(length), 'length', { value: 2 ** 40 }),
    ],
    ['plain array of numbers', () => Array.from({ length }, () => 0.5)],
    ['array-like', () => ({ length, 0: 1 })],
  ]
  const [label, make] = random.pick(choices)
  return [`${label} (${length})`, make()]
}

// ES2024's resizable buffers are not in the library that the types come from.
type Resizable = new (length: number, options: { maxByteLength: number }) => ArrayBuffer
const resizable = (length: number, maxByteLength: number) => new (ArrayBuffer as Resizable)(length, { maxByteLength })
const shared = (length: number, maxByteLength: number) =>
  new (SharedArrayBuffer as unknown as Resizable)(length, { maxByteLength })

function shrunk(bytes: number): Float32Array {
  const buffer = resizable(bytes, bytes)
  const array = new Float32Array(buffer)
  ;(buffer as unknown as { resize(length: number): void }).resize(0)
  return array
}

export function detached<T extends ArrayBufferView>(array: T): T {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] })
  return array
}
