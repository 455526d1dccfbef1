import { checkNdArray } from '../common/nd-array'
import { typeError } from '../common/checks'
import type { NativeNamedArray } from '../native'
import type { FloatArray, NdArray } from '../common/nd-array'

/** Checks the entries of a state dict: names and `Float32Array` values. */
export function checkStateDict(state: Iterable<readonly [string, NdArray]>): NativeNamedArray[] {
  const expected = 'a path, a Map or an iterable of [name, NdArray]'
  if (typeof state !== 'object' || state === null || !(Symbol.iterator in state)) {
    throw typeError(expected, 'state', state)
  }
  const entries: NativeNamedArray[] = []
  for (const entry of state) {
    if (!Array.isArray(entry)) throw typeError(expected, 'state', state)
    const [name, array] = entry
    if (typeof name !== 'string') throw typeError('a string as name of each entry', 'state', name)
    const { data, shape } = checkNdArray(array, name)
    if (data instanceof Uint8Array) throw typeError('a Float32Array', `${name}.data`, data)
    entries.push({ name, data, shape: [...shape] })
  }
  return entries
}

export function toStateDict(entries: readonly NativeNamedArray[]): Map<string, FloatArray> {
  return new Map(entries.map(({ name, data, shape }) => [name, { data, shape }]))
}
