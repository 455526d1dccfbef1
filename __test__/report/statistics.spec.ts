import { inflateSync } from 'node:zlib'
import test from 'ava'
import { internal } from '../helpers/internals'
import type * as Interval from '../../dist/report/interval'
import type * as Calibration from '../../dist/report/calibration'
import type * as Ranking from '../../dist/report/ranking'
import type * as Clip from '../../dist/pictures/clip'
import type * as Png from '../../dist/pictures/png'

const { wilson, groupBootstrap } = internal('report/interval') as typeof Interval
const { calibrationOf } = internal('report/calibration') as typeof Calibration
const { rankingOf } = internal('report/ranking') as typeof Ranking
const { clipPicture } = internal('pictures/clip') as typeof Clip
const { png } = internal('pictures/png') as typeof Png

const near = (left: number, right: number): boolean => Math.abs(left - right) < 1e-9

/** Numbers from `scipy.stats.binomtest(k, n).proportion_ci(method='wilson')`, SciPy 1.16. */
test('Wilson’s interval is SciPy’s', (t) => {
  for (const [correct, total, low, high] of [
    [52, 100, 0.42316577765223956, 0.6153544824194809],
    [0, 10, 0, 0.27753279986288926],
    [10, 10, 0.7224672001371109, 1],
  ] as const) {
    const interval = wilson(correct, total)
    t.true(near(interval.low, low) && near(interval.high, high), `${correct}/${total}`)
    t.is(interval.method, 'wilson')
  }
})

test('groups that are right or wrong as a whole make the interval wider, always by the same numbers', (t) => {
  const groups = new Map(Array.from({ length: 10 }, (_, group) => [group, { correct: group < 5 ? 10 : 0, total: 10 }]))
  const interval = groupBootstrap(groups)!
  const byClip = wilson(50, 100)
  t.true(interval.low < byClip.low && interval.high > byClip.high)
  t.is(interval.groups, 10)
  t.deepEqual(groupBootstrap(groups), interval)
  t.is(groupBootstrap(new Map([['a', { correct: 1, total: 2 }]])), undefined)
  // Groups that are all alike leave no doubt.
  const alike = groupBootstrap(new Map(['a', 'b', 'c'].map((name) => [name, { correct: 3, total: 4 }])))!
  t.deepEqual([alike.low, alike.high], [0.75, 0.75])
})

test('the calibration error is the mean distance between confidence and accuracy, by hand', (t) => {
  const confidences = [0.95, 0.95, 0.55, 0.55, NaN, 1]
  const right = [true, false, true, true, true, true]
  const { bins, error } = calibrationOf(confidences, (index) => right[index]!)
  // Of ]0.9, 1] three with a mean of .9667 and 2/3 right; of [.5, .6[ two with .55, both right; NaN is in no bin.
  t.true(near(error, (3 / 5) * Math.abs(2 / 3 - 2.9 / 3) + (2 / 5) * 0.45))
  t.deepEqual(
    bins.map(({ count }) => count),
    [0, 0, 0, 0, 0, 2, 0, 0, 0, 3],
  )
})

/** Numbers from scikit-learn: `roc_auc_score` .75 and `average_precision_score` .8333 of this example of its documentation. */
test('areas and average precision are scikit-learn’s', (t) => {
  const labels = [0, 0, 1, 1]
  const ranking = rankingOf('x', Float32Array.of(0.1, 0.4, 0.35, 0.8), (index) => labels[index] === 1)!
  t.is(ranking.area, 0.75)
  t.true(near(ranking.averagePrecision, 0.5 * 1 + 0.5 * (2 / 3)))
  t.deepEqual(ranking.roc.at(0), [0, 0])
  t.deepEqual(ranking.roc.at(-1), [1, 1])
  t.is(
    rankingOf('x', Float32Array.of(1, 2), () => true),
    undefined,
  )
  // Equal scores are in no order: half of the pairs count.
  t.is(rankingOf('x', new Float32Array(4), (index) => labels[index] === 1)!.area, 0.5)
})

test('a PNG holds the pixels that were written', async (t) => {
  const [width, height] = [5, 3]
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, at) => (at * 37) % 256)
  const file = await png({ width, height, pixels })
  t.is(file.subarray(1, 4).toString(), 'PNG')
  t.is(file.readUInt32BE(16), width)
  t.is(file.readUInt32BE(20), height)
  const start = file.indexOf('IDAT')
  const lines = inflateSync(file.subarray(start + 4, start + 4 + file.readUInt32BE(start - 4)))
  const read = new Uint8Array(pixels.length)
  for (let row = 0; row < height; row++) {
    t.is(lines[row * 16], 1) // the filter Sub
    for (let at = 0; at < 15; at++) {
      const before = at < 3 ? 0 : read[row * 15 + at - 3]!
      read[row * 15 + at] = lines[row * 16 + 1 + at]! + before
    }
  }
  t.deepEqual(read, pixels)
})

test('a film strip has frames side by side, and long clips some of theirs', (t) => {
  const frames = 30
  const data = new Uint8Array(frames * 4).map((_, at) => Math.floor(at / 4))
  const strip = clipPicture({ data, shape: [frames, 1, 2, 2] })
  t.is(strip.kind, 'film')
  t.deepEqual([strip.frames.length, strip.frames[0], strip.frames.at(-1)], [12, 0, 29])
  t.deepEqual([strip.width, strip.height], [12 * 3 - 1, 2])
  t.is(strip.pixels.at(-1), 29)
  t.is(strip.pixels[0], 0)
})

test('pictures of values survive what is not a number, and constants', (t) => {
  for (const data of [Float32Array.of(NaN, 1, 2, Infinity), new Float32Array(4), Float32Array.of(NaN, NaN, NaN, NaN)]) {
    const picture = clipPicture({ data, shape: [2, 2] })
    t.deepEqual([picture.kind, picture.width, picture.height], ['values', 2, 2])
  }
})
