/** Events as TensorBoard reads them: tensorflow/core/util/event.proto and framework/summary.proto. */
import { bytes, double, doubles, float, integer, message, text } from './protobuf'
import type { Histogram } from './histogram'

/** The second version is the first that TensorBoard clears by `SessionLog`. */
const FILE_VERSION = 'brain.Event:2'
const SESSION_START = 1
const RGB = 3

/** One figure, picture or distribution under a name. */
export type Value = Uint8Array

/** The first event of a file. */
export function versionEvent(wallTime: number): Uint8Array {
  return message(double(1, wallTime), text(3, FILE_VERSION))
}

/** A run goes on here: what an earlier one wrote of this step and later ones is out of date. */
export function sessionStart(wallTime: number, step: number): Uint8Array {
  return message(double(1, wallTime), integer(2, step), bytes(7, integer(1, SESSION_START)))
}

export function summary(wallTime: number, step: number, values: readonly Value[]): Uint8Array {
  return message(double(1, wallTime), integer(2, step), bytes(5, message(...values.map((value) => bytes(1, value)))))
}

export function scalar(tag: string, value: number): Value {
  return message(text(1, tag), float(2, value))
}

export function image(tag: string, { width, height, png }: { width: number; height: number; png: Uint8Array }): Value {
  return message(text(1, tag), bytes(4, message(integer(1, height), integer(2, width), integer(3, RGB), bytes(4, png))))
}

export function histogram(tag: string, { min, max, count, sum, sumOfSquares, limits, counts }: Histogram): Value {
  const fields = [double(1, min), double(2, max), double(3, count), double(4, sum), double(5, sumOfSquares)]
  return message(text(1, tag), bytes(5, message(...fields, doubles(6, limits), doubles(7, counts))))
}
