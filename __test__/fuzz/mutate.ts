/** Turns the arguments of a call that works into hostile ones, by one to three changes somewhere inside them. */
import { types } from 'node:util'
import { UserError, anything, callback, number, string, typedArray } from './values'
import type { Random } from './random'
import type { Named } from './values'

/** A place inside the arguments. */
interface Place {
  readonly holder: Record<string, unknown>
  readonly key: string
  readonly path: string
}

const DEPTH = 6
const LONG = 10_000 // items of an array that is copied; one of length 2 ** 32 - 1 is sparse
const WIDTH = 6 //    items of an array that are looked into

/** Changes the arguments in place; returns what was done, for the report. */
export function mutate(args: unknown[], random: Random): string {
  const changes = random.chance(0.6) ? 1 : 1 + random.below(3)
  return Array.from({ length: changes }, () => attempt(args, random)).join('; ')
}

/** A second change may meet a getter, a proxy or a species of the first, which throws at the fuzzer itself. */
function attempt(args: unknown[], random: Random): string {
  try {
    return change(args, random)
  } catch {
    return 'a change that an earlier one forbids'
  }
}

function change(args: unknown[], random: Random): string {
  const all = [...places(args as unknown as Record<string, unknown>, '', DEPTH)]
  if (all.length === 0) return append(args, random)
  const { holder, key, path } = random.pick(all)
  const value = holder[key]
  const way = random.below(100)
  if (way < 48) return put(holder, key, path, like(value, random))
  if (way < 76) return put(holder, key, path, anything(random))
  if (way < 80 && !Array.isArray(holder)) return remove(holder, key, path)
  if (way < 88) return flip(holder, key, path, value, random)
  if (way < 90) return getter(holder, key, path)
  if (way < 97) return put(holder, key, path, wrapped(value, random))
  return addKey(value, path, random)
}

function append(args: unknown[], random: Random): string {
  const [label, value] = anything(random)
  args.push(value)
  return `one more argument ${label}`
}

function* places(holder: Record<string, unknown>, path: string, depth: number): Generator<Place> {
  for (const key of Object.keys(holder).slice(0, WIDTH)) {
    if (!Object.getOwnPropertyDescriptor(holder, key)?.writable) continue //    a getter of an earlier change
    const value = holder[key]
    const here = `${path}[${key}]`
    yield { holder, key, path: here }
    if (depth > 0 && isPlain(value)) yield* places(value, here, depth - 1)
  }
}

/** Arrays and literals; models, datasets, proxies and the like are changed as a whole only. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return false
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
}

/** Something of the same kind as the value, so that later checks are reached. */
function like(value: unknown, random: Random): Named {
  if (typeof value === 'number') return number(random)
  if (typeof value === 'string') return string(random)
  if (typeof value === 'function') return callback(random)
  if (ArrayBuffer.isView(value)) return typedArray(random, lengthOf(value))
  if (Array.isArray(value) && value.length < LONG) return anotherArray(value, random)
  return anything(random)
}

/** A DataView has no length, and that of an array which lies about it is none to make another one of. */
function lengthOf(view: ArrayBufferView): number {
  const { length } = view as Float32Array
  return length <= LONG ? length : 8
}

function anotherArray(array: readonly unknown[], random: Random): Named {
  const ways: readonly Named[] = [
    ['its first item alone', array.slice(0, 1)],
    ['doubled', [...array, ...array]],
    ['reversed', array.toReversed()],
    ['empty', []],
    ['one item more', [...array, anything(random)[1]]],
    ['1,000 times its first item', Array.from({ length: 1000 }, () => array[0])],
    ['with a hole', Object.assign([...array], { length: array.length + 1 })],
    ['huge numbers', array.map(() => 2 ** 20)],
    ['a Set', new Set(array)],
    ['an iterator', array.values()],
  ]
  return random.pick(ways)
}

function put(holder: Record<string, unknown>, key: string, path: string, [label, value]: Named): string {
  holder[key] = value
  return `${path} = ${label}`
}

function remove(holder: Record<string, unknown>, key: string, path: string): string {
  delete holder[key]
  return `no ${path}`
}

/** A property that says one thing when it is checked, and another one after that. */
function flip(holder: Record<string, unknown>, key: string, path: string, value: unknown, random: Random): string {
  const [label, other] = random.chance(0.6) ? like(value, random) : anything(random)
  const after = 1 + random.below(3)
  let reads = 0
  Object.defineProperty(holder, key, {
    enumerable: true,
    configurable: true,
    get: () => (reads++ < after ? value : other),
  })
  return `${path} is ${label} from reading ${after + 1} on`
}

function throwing(): never {
  throw new UserError('thrown by a trap')
}

function getter(holder: Record<string, unknown>, key: string, path: string): string {
  const get = (): never => {
    throw new UserError('thrown by a getter')
  }
  Object.defineProperty(holder, key, { enumerable: true, configurable: true, get })
  return `${path} throws`
}

/** The same value in another guise; most of these must go on working. */
function wrapped(value: unknown, random: Random): Named {
  if (typeof value !== 'object' || value === null) return [`Object(${typeof value})`, Object(value)]
  const ways: readonly (readonly [string, () => unknown])[] = [
    ['Proxy of it', () => new Proxy(value, {})],
    ['inherited by an empty object', () => Object.create(value) as unknown],
    ['inherited through a Proxy', () => Object.create(new Proxy(value, {})) as unknown],
    ['inherited through a Proxy that throws', () => Object.create(new Proxy(value, { get: throwing })) as unknown],
    ['a Proxy that has every key', () => new Proxy(value, { has: () => true })],
    ['a Proxy whose descriptors throw', () => new Proxy(value, { getOwnPropertyDescriptor: throwing })],
    ['frozen', () => (isPlain(value) ? Object.freeze(value) : value)],
    ['without prototype', () => Object.assign(Object.create(null) as object, value)],
    ['promise of it', () => promiseOf(value)],
    ['in an array', () => [value]],
  ]
  const [label, make] = random.pick(ways)
  return [label, make()]
}

/** A value with a `then` of its own may reject, where the package never looks at the promise. */
function promiseOf(value: unknown): Promise<unknown> {
  const promise = Promise.resolve(value)
  promise.catch(() => undefined)
  return promise
}

function addKey(value: unknown, path: string, random: Random): string {
  if (!isPlain(value) || !Object.isExtensible(value)) return `${path} as it was`
  const key = random.pick<string | symbol>([
    'batch_size',
    '__proto__',
    'constructor',
    'then',
    Symbol('key'),
    '',
    'x'.repeat(1e4),
  ])
  Object.defineProperty(value, key, { enumerable: true, value: anything(random)[1], configurable: true })
  return `${path} has a key ${String(key).slice(0, 20)}`
}
