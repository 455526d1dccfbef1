/** `zoetrope/decode`: answers from numbers, without native code. */
import test from 'ava'
import { createRequire } from 'node:module'
import { CnnLstm } from 'zoetrope'
import { classification, decodeCtc, multiLabel, readOnnxMetadata, sigmoid, softmax, toPlanes } from 'zoetrope/decode'
import { runNode } from '../helpers/child'
import { refuses } from '../helpers/expect'
import { seeded } from '../helpers/random'

const CLASSES = ['a', 'b', 'c'] as const

function randomLogits(seed: number, frames: number, outputs: number, scale = 3): Float32Array {
  const dice = seeded(seed)
  return Float32Array.from({ length: frames * outputs }, () => (dice(2 ** 20) / 2 ** 20 - 0.5) * 2 * scale)
}

/** Each string with the summed probability of all its paths, by going through every path. */
function everyString(logits: Float32Array, frames: number): Map<string, number> {
  const outputs = CLASSES.length + 1
  const rows = Array.from({ length: frames }, (_, frame) =>
    softmax(logits.subarray(frame * outputs, (frame + 1) * outputs)),
  )
  const strings = new Map<string, number>()
  for (let path = 0; path < outputs ** frames; path++) {
    const tokens = Array.from({ length: frames }, (_, frame) => Math.floor(path / outputs ** frame) % outputs)
    const probability = tokens.reduce((product, token, frame) => product * rows[frame]![token]!, 1)
    const labels = tokens.filter((token, frame) => token > 0 && token !== tokens[frame - 1])
    const string = labels.map((token) => CLASSES[token - 1]).join('')
    strings.set(string, (strings.get(string) ?? 0) + probability)
  }
  return strings
}

test('softmax sums to 1 and does not overflow, sigmoid is each by itself', (t) => {
  t.deepEqual([...softmax([1000, 1000])], [0.5, 0.5])
  t.deepEqual([...softmax([-1000, 0])], [0, 1])
  t.true(Math.abs(softmax([0.1, 0.2, 0.3]).reduce((a, b) => a + b) - 1) < 1e-6)
  t.deepEqual([...sigmoid([0, 1000, -1000])], [0.5, 1, 0])
  t.true(softmax([NaN, 1]).every(Number.isNaN))
})

test('answers have names; what is not a number has none', (t) => {
  t.like(classification(Float32Array.of(0.2, 0.5, 0.3), CLASSES), { label: 'b', index: 1 })
  t.like(classification(Float32Array.of(0.4, 0.4, 0.2), CLASSES), { label: 'a', index: 0 })
  t.like(classification(Float32Array.of(NaN, 1, 0), CLASSES), { label: undefined, index: -1 })
  t.deepEqual(multiLabel(Float32Array.of(0.6, 0.5, 0.9), CLASSES).labels, ['a', 'c'])
  t.is(multiLabel(Float32Array.of(0.6, NaN, 0.9), CLASSES).labels, undefined)
})

test('every path of small cases: probabilities are exact, wide beams find the likeliest string, more never a lesser one', (t) => {
  for (let seed = 0; seed < 40; seed++) {
    const frames = 1 + (seed % 5)
    const logits = randomLogits(seed, frames, CLASSES.length + 1)
    const strings = everyString(logits, frames)
    let before = 0
    for (const beams of [1, 2, 4, 64]) {
      const { labels, confidence, spans } = decodeCtc(logits, CLASSES, { beams })
      t.true(Math.abs(confidence - strings.get(labels!.join(''))!) < 1e-6, `seed ${seed}, ${beams} beams`)
      t.true(confidence >= before)
      before = confidence
      t.is(spans.length, labels!.length)
      spans.forEach(({ from, to }, at) => t.true(from < to && from >= (spans[at - 1]?.to ?? 0) && to <= frames))
    }
    t.true(Math.abs(before - Math.max(...strings.values())) < 1e-6, `seed ${seed}`)
  }
})

test('spans are the frames of each label; a label twice needs a blank between', (t) => {
  const path = (tokens: number[]): Float32Array =>
    Float32Array.from(tokens.flatMap((token) => [0, 1, 2, 3].map((output) => (output === token ? 9 : 0))))
  const { labels, spans } = decodeCtc(path([0, 1, 1, 0, 1, 3, 0]), CLASSES)
  t.deepEqual(labels, ['a', 'a', 'c'])
  t.deepEqual(spans, [
    { label: 'a', from: 1, to: 3 },
    { label: 'a', from: 4, to: 5 },
    { label: 'c', from: 5, to: 6 },
  ])
  t.like(decodeCtc(path([0, 0]), CLASSES), { labels: [], spans: [] })
  t.like(decodeCtc(new Float32Array(), CLASSES), { labels: [], text: '', confidence: 1 })
  const missing = path([1, 2])
  missing[0] = NaN
  t.like(decodeCtc(missing, CLASSES, { beams: 4 }), { labels: undefined, spans: [] })
})

test('wrong arguments are told', async (t) => {
  await refuses(t, RangeError, /frames of 4 logits/, () => decodeCtc(new Float32Array(5), CLASSES))
  await refuses(t, RangeError, /`beams`, received 0/, () => decodeCtc(new Float32Array(4), CLASSES, { beams: 0 }))
  await refuses(t, RangeError, /`channels`, received 2/, () =>
    toPlanes({ data: new Uint8Array(4), width: 1, height: 1 }, 2),
  )
  await refuses(t, RangeError, /16 values .* received 4/, () =>
    toPlanes({ data: new Uint8Array(4), width: 2, height: 2 }, 3),
  )
  await refuses(t, RangeError, /ONNX/, () => readOnnxMetadata(Uint8Array.of(0x3a, 0xff)))
  await refuses(t, RangeError, /ONNX/, () => readOnnxMetadata(new Uint8Array(3).fill(7)))
})

test('pixels become planes', (t) => {
  const data = Uint8ClampedArray.of(1, 2, 3, 255, 4, 5, 6, 0)
  t.deepEqual([...toPlanes({ data, width: 2, height: 1 }, 3)], [1, 4, 2, 5, 3, 6])
  t.deepEqual([...toPlanes({ data: Uint8Array.of(255, 255, 255, 0, 255, 0, 0, 9), width: 1, height: 2 }, 1)], [255, 76])
})

test('both formats are the same code, and neither loads the addon or a module of Node', async (t) => {
  const program = (load: string): string => `${load}
    const { labels, confidence } = decode.decodeCtc(Float32Array.of(0, 4, 0, 4, 0, 0, 0, 4, 0), ['a', 'b'], { beams: 8 })
    console.log(labels.join(' '), confidence.toFixed(6), process.moduleLoadList.some((name) => /worker_threads$/.test(name)))`
  const esm = await runNode(['--input-type=module', '-e', program(`import * as decode from 'zoetrope/decode'`)])
  const cjs = await runNode(['-e', program(`const decode = require('zoetrope/decode')`)])
  t.is(esm.stdout, cjs.stdout, esm.stderr + cjs.stderr)
  t.regex(esm.stdout, /^a a 0\.\d+/)
  const resolved = createRequire(__filename).resolve('zoetrope/decode')
  t.regex(resolved, /dist\/decode\/index\.js$/)
})

test('label strings are those of the native half: labels, text, confidence, spans', async (t) => {
  const classes = ['a', 'b', 'c', 'd'] as const
  await using model = await CnnLstm.create({ input: { features: 3 }, classes, head: 'ctc', lstm: { hiddenSize: 6, bidirectional: true }, device: 'cpu', seed: 0 }) // prettier-ignore
  const state = await model.stateDict()
  for (const name of ['fc.weight', 'lstm.lstm.weight_ih_l0', 'lstm.lstm.weight_ih_l0_reverse']) {
    state.get(name)!.data.forEach((value, index, data) => (data[index] = value * 6)) // strings of several labels
  }
  await model.loadStateDict(state)
  const time = 24
  const dice = seeded(4)
  const clips = {
    data: Float32Array.from({ length: 12 * time * 3 }, () => dice(2 ** 16) / 2 ** 15 - 1),
    shape: [12, time, 3],
  }
  const lengths = Int32Array.from({ length: 12 }, (_, clip) => time - clip)
  const { data } = await model.logits(clips, { lengths })
  let longest = 0
  for (const beams of [1, 2, 8, 16]) {
    const decode = beams === 1 ? 'greedy' : { beams }
    const native = await model.predict(clips, { lengths, decode }) // oxlint-disable-line no-await-in-loop -- one by one
    for (const [clip, expected] of native.entries()) {
      const own = data.subarray(clip * time * 5, (clip * time + lengths[clip]!) * 5)
      const { confidence, ...answer } = decodeCtc(own, classes, { beams })
      t.deepEqual(answer, { labels: expected.labels, text: expected.text, spans: expected.spans }, `${beams} beams`)
      t.true(Math.abs(confidence - expected.confidence) <= 1e-5 * expected.confidence)
      longest = Math.max(longest, answer.labels?.length ?? 0)
    }
  }
  t.true(longest > 2, `strings of up to ${longest} labels`)
})
