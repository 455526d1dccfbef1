/** Numbers of every type that NumPy writes as a model takes them: float32, uint8, or the indices of classes. */
import { types } from 'node:util'
import { allocate, inPieces } from './pieces'
import type { DtypeName, NpyData } from './dtype'
import type { Place } from './file-error'

type Numbers = Exclude<NpyData, readonly string[]>

export function isText(data: NpyData): data is readonly string[] {
  return Array.isArray(data)
}

/** The values themselves where a model takes them as they are; `undefined` for those that must become float32. */
export function modelDataOf(dtype: DtypeName, data: NpyData): Float32Array | Uint8Array | undefined {
  if (types.isFloat32Array(data)) return data
  return types.isUint8Array(data) && dtype !== 'bool' ? data : undefined //   a bool is no pixel
}

/** The values as float32, rounded where they must be. */
export function floatsOf(data: Numbers, place: Place): Float32Array {
  const floats = allocate(place, Float32Array, data.length)
  fill(floats, data, 0, data.length)
  return floats
}

/** The same, with turns of the event loop in between. */
export async function floatsInPieces(data: Numbers, place: Place): Promise<Float32Array> {
  const floats = allocate(place, Float32Array, data.length)
  await inPieces(data.length, (start, end) => fill(floats, data, start, end))
  return floats
}

/** The values as indices of classes; `check` gets those that may be none. */
export function targetsOf(data: Numbers, check: (value: number, index: number) => number): Int32Array {
  const targets = new Int32Array(data.length)
  const numbers = isBig(data) ? doublesOf(data) : data
  for (let index = 0; index < numbers.length; index++) {
    const value = numbers[index] ?? 0
    const target = value | 0
    targets[index] = target === value && target >= 0 ? target : check(value, index)
  }
  return targets
}

function fill(floats: Float32Array, data: Numbers, start: number, end: number): void {
  if (isBig(data)) {
    const [halves, isSigned] = [new Uint32Array(data.buffer, data.byteOffset, 2 * data.length), isSignedBig(data)]
    for (let at = start; at < end; at++) floats[at] = toDouble(halves, at, isSigned)
  } else {
    floats.set(data.subarray(start, end), start)
  }
}

function doublesOf(data: BigInt64Array | BigUint64Array): Float64Array {
  const halves = new Uint32Array(data.buffer, data.byteOffset, 2 * data.length)
  const isSigned = isSignedBig(data)
  const doubles = new Float64Array(data.length)
  for (let at = 0; at < doubles.length; at++) doubles[at] = toDouble(halves, at, isSigned)
  return doubles
}

/** An integer of 64 bits as the nearest double, as `Number` of it, without making a bigint. */
function toDouble(halves: Uint32Array, at: number, isSigned: boolean): number {
  const high = halves[2 * at + HIGH] ?? 0
  return (isSigned ? high | 0 : high) * 2 ** 32 + (halves[2 * at + 1 - HIGH] ?? 0)
}

/** Which of the two halves of 64 bits is the upper one on this machine. */
const HIGH = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 1 : 0

function isBig(data: Numbers): data is BigInt64Array | BigUint64Array {
  return types.isBigInt64Array(data) || types.isBigUint64Array(data)
}

function isSignedBig(data: BigInt64Array | BigUint64Array): boolean {
  return types.isBigInt64Array(data)
}
