/** Streaming files: a clip in parts answers as the whole clip does, after each of its steps. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Tensor } from 'onnxruntime-node'
import { CnnLstm, setNumThreads } from 'zoetrope'
import { refuses } from '../../helpers/expect'
import { openOnnx, relativeDifference } from '../../helpers/onnx'
import { randomClips, randomModel } from '../../helpers/random-models'
import { seeded } from '../../helpers/random'
import type { InferenceSession } from 'onnxruntime-node'
import type { AnyCnnLstm, NdArray } from 'zoetrope'

setNumThreads(1) // specs run side by side

const ROUNDING = 2e-5
const MODELS = 24

let folder: string
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zoetrope-onnx-'))
})
test.after.always(async () => rm(folder, { recursive: true, force: true }))

/** Some steps of all clips of `[batch, time, …]`. */
function steps({ data, shape: [batch = 0, time = 0, ...sizes] }: NdArray, begin: number, end: number): NdArray {
  const step = data.length / (batch * time)
  const part = Float32Array.from({ length: batch * (end - begin) * step }, (_, index) => {
    const clip = Math.floor(index / ((end - begin) * step))
    return data[(clip * time + begin) * step + (index % ((end - begin) * step))]!
  })
  return { data: part, shape: [batch, end - begin, ...sizes] }
}

/** The state before the first step: zeros of every shape that the file names. */
function zeros(session: InferenceSession, batch: number): Record<string, Tensor> {
  const states = session.inputMetadata.filter(({ name }) => name !== 'clips')
  return Object.fromEntries(
    states.map((state) => {
      const shape = (state.isTensor ? state.shape : []).map((size) => (typeof size === 'number' ? size : batch))
      return [state.name, new Tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)]
    }),
  )
}

/** The clip's own answer after so many steps, or those of each of its steps. */
async function expectedAt(model: AnyCnnLstm, clips: NdArray, begin: number, end: number): Promise<Float32Array> {
  const whole = await model.logits(steps(clips, 0, end))
  return model.config.head.per === 'clip' ? whole.data : Float32Array.from(steps(whole, begin, end).data)
}

test('parts of any size answer as the whole clip up to their end', async (t) => {
  let worst = 0
  for (let number = 0; number < MODELS; number++) {
    const cell = number % 2 === 0 ? 'lstm' : 'gru'
    const lstm = { cell, hiddenSize: 5, numLayers: 1 + (number % 3), bidirectional: false } as const
    await using model = await randomModel(number, { lstm, ...(number % 3 === 0 && { cnn: [] }) })
    const { input, cnn, head } = model.config
    if ('features' in input && typeof cnn !== 'string' && cnn.some(({ kernelSize }) => kernelSize > 1)) {
      await refuses(t, RangeError, /streaming/, async () =>
        model.exportOnnx(join(folder, 'no.onnx'), { streaming: true }),
      )
      continue
    }
    const path = join(folder, `${number}.onnx`)
    const { clips: count } = await model.exportOnnx(path, { streaming: true })
    t.is(count, 11)
    const session = await openOnnx(path)
    t.is(session.outputNames[0], head.kind === 'regression' ? 'values' : 'logits')
    const dice = seeded(number)
    const time = 9
    const { clips } = randomClips(model, dice, { batch: 3, time, bytes: false })
    clips.data.forEach((value, index) => Number.isNaN(value) && (clips.data[index] = 0.3))
    let state = zeros(session, 3)
    for (let begin = 0; begin < time;) {
      const end = Math.min(time, begin + 1 + dice(3))
      const part = steps(clips, begin, end)
      const results = await session.run({ clips: new Tensor(part.data, part.shape), ...state })
      const answer = results[session.outputNames[0]!]!.data as Float32Array
      const difference = relativeDifference(answer, await expectedAt(model, clips, begin, end))
      worst = Math.max(worst, difference)
      t.true(difference < ROUNDING, `model ${number}, steps ${begin} to ${end}: ${difference}`)
      const next = Object.entries(results).filter(([name]) => name.startsWith('next_'))
      state = Object.fromEntries(next.map(([name, value]) => [name.slice('next_'.length), value]))
      begin = end
    }
  }
  t.log(`the largest difference: ${worst.toExponential(1)}`)
})

test('a missing value stays: every later answer is none, as of the whole clip', async (t) => {
  for (const pooling of ['last', 'mean', 'max', 'attention'] as const) {
    await using model = await CnnLstm.create({ input: { features: 3 }, numClasses: 2, lstm: { hiddenSize: 4 }, pooling, device: 'cpu', seed: 0 }) // prettier-ignore
    const path = join(folder, `missing-${pooling}.onnx`)
    await model.exportOnnx(path, { streaming: true })
    const session = await openOnnx(path)
    let state = zeros(session, 2)
    for (const [step, value] of [0.5, NaN, 0.5, 0.5].entries()) {
      const data = Float32Array.of(0.1, value, 0.2, 0.1, 0.4, 0.2)
      const results = await session.run({ clips: new Tensor(data, [2, 1, 3]), ...state })
      const logits = results['logits']!.data as Float32Array
      t.is(Number.isNaN(logits[0]), step > 0, `${pooling} after step ${step}`)
      t.false(Number.isNaN(logits[2]), 'the other clip has all of its values')
      const next = Object.entries(results).filter(([name]) => name.startsWith('next_'))
      state = Object.fromEntries(next.map(([name, tensor]) => [name.slice('next_'.length), tensor]))
    }
  }
})

test('ten thousand steps of one value: the mean and the attention of a stream do not wander off', async (t) => {
  for (const pooling of ['mean', 'attention'] as const) {
    await using model = await CnnLstm.create({ input: { features: 1 }, numClasses: 2, lstm: { hiddenSize: 4 }, pooling, device: 'cpu', seed: 0 }) // prettier-ignore
    const path = join(folder, `long-${pooling}.onnx`)
    await model.exportOnnx(path, { streaming: true })
    const session = await openOnnx(path)
    let state = zeros(session, 1)
    let answer = new Float32Array()
    const part = 100
    const all = Float32Array.from({ length: 10_000 }, (_, index) => Math.sin(index / 7))
    for (let begin = 0; begin < all.length; begin += part) {
      const clips = new Tensor(all.subarray(begin, begin + part), [1, part, 1])
      const results = await session.run({ clips, ...state })
      answer = results['logits']!.data as Float32Array<ArrayBuffer>
      const next = Object.entries(results).filter(([name]) => name.startsWith('next_'))
      state = Object.fromEntries(next.map(([name, tensor]) => [name.slice('next_'.length), tensor]))
    }
    const { data } = await model.logits({ data: all, shape: [1, all.length, 1] })
    t.true(relativeDifference(answer, data) < ROUNDING, pooling)
  }
})
