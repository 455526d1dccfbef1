import { describe } from '../../common/checks'
import { fileError } from './file-error'
import { allocate } from './pieces'
import type { Sample } from '../dataset'
import type { FloatArray } from '../../common/nd-array'
import type { Place } from './file-error'
import type { Pace } from './pieces'

/** A time series and its class. */
export interface TsSample extends Sample {
  /** Index of the class. */
  readonly target: number
  readonly input: FloatArray
  /** The class as it stands in the file; `target` is its place in `classes`. */
  readonly label: string
}

/** What the header, or the samples so far, say about the next sample. */
export interface Expected {
  readonly channels: number | undefined
  readonly time: number | undefined
}

/** How lines are read. */
export interface TsSettings {
  /** The index of each label. */
  readonly targets: ReadonlyMap<string, number>
  readonly isFrames: boolean
  readonly missing: number
  readonly pace: Pace
}

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i
const MISSING = /^(?:\?|nan)$/i
const COMMA = 0x2c
const COLON = 0x3a
const WINDOW = 2 ** 14 //            bytes of a line that are turned into numbers at once
const MAX_LABEL = 2 ** 16 //         bytes
const MAX_CHANNELS = 2 ** 16
const MAX_NAMED = 20 //              labels in a message

/** A line of values, `1,2,3:4,5,6:label`: dimensions parted by `:`, then the label. */
export async function readSample(place: Place, line: Buffer, shape: Expected, settings: TsSettings): Promise<TsSample> {
  const end = line.lastIndexOf(COLON)
  const values = line.subarray(0, Math.max(0, end))
  const lengths = end < 0 ? [] : await countValues(place, values, settings.pace)
  const channels = lengths.length
  if (channels === 0 || channels !== (shape.channels ?? channels)) {
    throw fileError(place, `${shape.channels ?? 'at least 1'} dimensions and a label, separated by ':',`, `${channels}`)
  }
  const { label, target } = readLabel(place, line.subarray(end + 1), settings.targets)
  const time = lengths[0] ?? 0
  if (time !== (shape.time ?? time)) throw fileError(place, `${shape.time} steps, as the header says,`, `${time}`)
  const other = lengths.findIndex((length) => length !== time)
  if (other >= 0) {
    throw fileError(place, `${time} values in dimension ${other + 1}, as in the first,`, `${lengths[other]}`)
  }
  const data = allocate(place, Float32Array, time * channels)
  await readValues(place, values, { data, time, channels }, settings)
  return { input: { data, shape: settings.isFrames ? [time, channels, 1, 1] : [time, channels] }, target, label }
}

function readLabel(place: Place, bytes: Buffer, targets: TsSettings['targets']): { label: string; target: number } {
  const label = bytes.toString('utf8', 0, MAX_LABEL).trim()
  const target = bytes.length > MAX_LABEL ? undefined : targets.get(label)
  if (target !== undefined) return { label, target }
  const known = [...targets.keys()].slice(0, MAX_NAMED).map(describe).join(', ')
  const rest = targets.size > MAX_NAMED ? ` or ${targets.size - MAX_NAMED} more` : ''
  throw fileError(place, `a label of ${known}${rest}`, describe(label))
}

/** How many values each dimension has: it has a comma fewer. */
async function countValues(place: Place, bytes: Buffer, pace: Pace): Promise<readonly number[]> {
  const lengths: number[] = []
  let length = 1
  for (let start = 0; start < bytes.length; start += WINDOW) {
    const end = Math.min(start + WINDOW, bytes.length)
    for (let at = start; at < end; at++) {
      if (bytes[at] === COMMA) length++
      if (bytes[at] !== COLON) continue
      lengths.push(length)
      length = 1
    }
    if (lengths.length >= MAX_CHANNELS) throw fileError(place, `at most ${MAX_CHANNELS} dimensions`, 'more')
    await pace.spend((end - start) / 8) //            counting is fast
  }
  lengths.push(length)
  return lengths
}

interface Series {
  /** `[time, channels]` */
  readonly data: Float32Array
  readonly time: number
  readonly channels: number
}

/** Reads values that come one dimension after the other, as many as there must be. */
async function readValues(place: Place, bytes: Buffer, { data, time, channels }: Series, settings: TsSettings) {
  let [channel, step] = [0, 0]
  for (let start = 0; start <= bytes.length;) {
    const end = endOfWindow(place, bytes, start)
    for (const value of bytes.toString('utf8', start, end).replaceAll(':', ',').split(',')) {
      data[step * channels + channel] = toValue(place, value.trim(), { channel, step, missing: settings.missing })
      if (++step < time) continue
      channel++
      step = 0
    }
    await settings.pace.spend(end - start)
    start = end + 1 //                                behind the comma or colon
  }
}

/** The last comma or colon in the window from `start` on, or the end of the line. */
function endOfWindow(place: Place, bytes: Buffer, start: number): number {
  const last = start + WINDOW
  if (last >= bytes.length) return bytes.length
  let end = last
  while (end > start && bytes[end] !== COMMA && bytes[end] !== COLON) end--
  if (end > start) return end
  throw fileError(place, `values of at most ${WINDOW} bytes`, describe(bytes.toString('latin1', start, start + 100)))
}

function toValue(
  place: Place,
  text: string,
  { channel, step, missing }: { readonly channel: number; readonly step: number; readonly missing: number },
): number {
  const value = NUMBER.test(text) ? Math.fround(Number(text)) : NaN
  if (Number.isFinite(value)) return value
  if (MISSING.test(text)) return missing
  throw fileError(place, `a float32 number or ? as value ${step + 1} of dimension ${channel + 1}`, describe(text))
}
