/** Answers while a clip runs: those of the clip so far, whatever else goes on. */
import test from 'ava'
import { CnnLstm } from 'zoetrope'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { FRAMES, SIDE, TOY_OPTIONS, movingDots, noise, toyModel } from '../helpers/toy'
import { VECTORS } from '../helpers/sequences'
import type { AnyCnnLstm, ModelOptions, NdArray } from 'zoetrope'

const FRAME = [1, SIDE, SIDE]
const { inputs: dots } = movingDots(4)

/** A frame of a clip of `[batch, time, …]`, in memory of its own. */
function frameOf({ data, shape }: NdArray, clip: number, time: number): NdArray {
  const [, frames = 1, ...frame] = shape
  const size = frame.reduce((product, side) => product * side, 1)
  const at = (clip * frames + time) * size
  return { data: data.slice(at, at + size), shape: frame }
}

/** The first frames of a clip, as a batch of one. */
function beginning({ data, shape }: NdArray, clip: number, count: number): NdArray {
  const [, frames = 1, ...frame] = shape
  const size = frame.reduce((product, side) => product * side, 1)
  const at = clip * frames * size
  return { data: data.slice(at, at + count * size), shape: [1, count, ...frame] }
}

/** The numbers of an answer. */
function numbers(answer: unknown): number[] {
  const { probabilities, values } = answer as { probabilities?: Float32Array; values?: Float32Array }
  return [...(probabilities ?? values)!]
}

function near(actual: readonly number[], expected: readonly number[]): boolean {
  return (
    actual.length === expected.length &&
    actual.every((value, index) => Math.abs(value - expected[index]!) <= 1e-6 * Math.max(1, Math.abs(expected[index]!)))
  )
}

const MODELS = {
  'classes, last': { ...TOY_OPTIONS },
  'classes, attention, two layers': { ...TOY_OPTIONS, pooling: 'attention', lstm: { hiddenSize: 8, numLayers: 2 } },
  'labels, mean, GRU': { ...TOY_OPTIONS, head: 'multiLabel', pooling: 'mean', lstm: { hiddenSize: 8, cell: 'gru' } },
  'numbers, max': {
    input: TOY_OPTIONS.input,
    cnn: [{ outChannels: 4, norm: 'batch', dropout: 0.5 }],
    head: { kind: 'regression', outputs: 2 },
    pooling: 'max',
    dropout: 0.5,
    normalize: { mean: [0.1], std: [0.3] },
    seed: 1,
  },
  'classes per frame': { ...TOY_OPTIONS, head: { per: 'frame' } },
} as const

for (const [name, options] of Object.entries(MODELS)) {
  test(`after each frame, the answer of predict on the frames so far: ${name}`, async (t) => {
    await using model = (await CnnLstm.create(untyped<ModelOptions>(options))) as unknown as AnyCnnLstm
    for (const clips of [dots, noise(dots.shape)]) {
      await using stream = model.stream()
      for (let time = 0; time < FRAMES; time++) {
        const answer = await stream.push(frameOf(clips, 1, time))
        const [whole] = await model.predict(beginning(clips, 1, time + 1))
        const expected = Array.isArray(whole) ? whole.at(-1) : whole
        t.deepEqual(Object.keys(answer), Object.keys(expected as object))
        t.true(
          near(numbers(answer), numbers(expected)),
          `${time}: ${numbers(answer).join()} ${numbers(expected).join()}`,
        )
      }
    }
  })
}

test('vectors with a convolution of one step', async (t) => {
  const options = { ...VECTORS, lstm: { hiddenSize: 8 }, cnn: [{ outChannels: 5, kernelSize: 1 }] }
  await using model = await CnnLstm.create({ ...options, numClasses: 3, projection: 4 })
  const clips = noise([1, 7, 3])
  const stream = model.stream()
  for (let time = 0; time < 7; time++) {
    const { index, probabilities } = await stream.push(frameOf(clips, 0, time))
    const [whole] = await model.predict(beginning(clips, 0, time + 1))
    t.is(index, whole!.index)
    t.true(near([...probabilities], [...whole!.probabilities]))
  }
})

test('label strings: each label as it becomes certain, and the text so far', async (t) => {
  const classes = ['ah', 'b', 'c', 'dee'] as const
  await using model = await CnnLstm.create({ ...VECTORS, lstm: { hiddenSize: 8 }, classes, head: 'ctc' })
  const state = await model.stateDict()
  for (const name of ['fc.weight', 'lstm.lstm.weight_ih_l0']) {
    const { data, shape } = state.get(name)!
    state.set(name, { data: data.map((value) => value * 20), shape }) //    answers that change from frame to frame
  }
  await model.loadStateDict(state)
  const clips = noise([2, 40, 3])
  const stream = model.stream()
  for (const clip of [0, 1]) {
    const said: string[] = []
    for (let time = 0; time < 40; time++) {
      const { labels, text, probabilities } = await stream.push(frameOf(clips, clip, time))
      said.push(...labels!)
      const [whole] = await model.predict(beginning(clips, clip, time + 1))
      t.deepEqual(said, whole!.labels as string[])
      t.is(text, whole!.text)
      t.true(Math.abs(probabilities.reduce((sum, value) => sum + value, 0) - 1) < 1e-6)
    }
    t.true(said.length > 3)
    stream.reset()
  }
  const { labels, text } = await stream.push({ data: new Float32Array(3).fill(Number.NaN), shape: [3] })
  t.deepEqual([labels, text], [undefined, undefined])
  t.is((await stream.push(frameOf(clips, 0, 0))).text, undefined)
})

test('many streams at once are each alone, pushed together or one by one, without waiting', async (t) => {
  await using model = await toyModel({ pooling: 'attention' })
  const alone = await Promise.all(
    [0, 1, 2, 3].map(async (clip) => {
      const stream = model.stream()
      return Promise.all(Array.from({ length: FRAMES }, async (_, time) => stream.push(frameOf(dots, clip, time))))
    }),
  )
  const streams = [0, 1, 2, 3].map(() => model.stream())
  const order = [2, 0, 3, 1]
  const calls = Array.from({ length: FRAMES }, async (_, time) =>
    model.pushAll(order.map((clip) => [streams[clip]!, frameOf(dots, clip, time)] as const)),
  )
  for (const [time, answers] of (await Promise.all(calls)).entries()) {
    t.is(answers.length, 4)
    for (const [place, clip] of order.entries()) {
      t.true(near(numbers(answers[place]), numbers(alone[clip]![time])), `${time} ${clip}`)
    }
  }
  t.deepEqual(await model.pushAll([]), [])
})

test('reset begins a new clip; pushes that were asked for before still belong to the old one', async (t) => {
  await using model = await toyModel()
  const stream = model.stream()
  const first = await stream.push(frameOf(dots, 0, 0))
  const second = stream.push(frameOf(dots, 0, 1))
  stream.reset()
  const again = stream.push(frameOf(dots, 0, 0))
  t.notDeepEqual(await second, first)
  t.deepEqual(await again, first)
})

test('a frame may be changed as soon as the call returns', async (t) => {
  await using model = await toyModel()
  const streams = [model.stream(), model.stream(), model.stream()] as const
  const expected = await streams[0].push(frameOf(dots, 0, 0))
  const busy = Promise.all(Array.from({ length: 8 }, async () => model.logits(dots)))
  const frames = [frameOf(dots, 0, 0), frameOf(dots, 0, 0)] as const
  const calls = [
    streams[1].push(frames[0]),
    model.pushAll([[streams[2], frames[1]]]).then(([answer]) => answer!),
  ] as const
  frames.forEach(({ data }) => data.fill(77))
  await busy
  t.deepEqual(await Promise.all(calls), [expected, expected])
})

test('a NaN stays in its own stream', async (t) => {
  await using model = await toyModel({ pooling: 'mean' })
  const streams = [model.stream(), model.stream()] as const
  const hole = { data: new Float32Array(SIDE * SIDE).fill(Number.NaN), shape: FRAME }
  const whole = noise(FRAME)
  const [, expected] = [await streams[0].push(hole), await model.stream().push(whole)]
  const [broken, sound] = await model.pushAll([
    [streams[0], whole],
    [streams[1], whole],
  ])
  t.is(broken!.label, undefined)
  t.is(broken!.index, -1)
  t.true(near(numbers(sound), numbers(expected)))
  streams[0].reset()
  t.true(near(numbers(await streams[0].push(whole)), numbers(expected)))
})

test('weights that change count from the next frame on', async (t) => {
  await using model = await toyModel({ pooling: 'mean' })
  await using other = await toyModel({ pooling: 'mean', seed: 5 })
  const stream = model.stream()
  await stream.push(frameOf(dots, 0, 0))
  await model.loadStateDict(await other.stateDict())
  stream.reset()
  t.deepEqual(await stream.push(frameOf(dots, 0, 0)), await other.stream().push(frameOf(dots, 0, 0)))
})

test('models that look ahead have no streams, and say why', async (t) => {
  await using both = await toyModel({ lstm: { bidirectional: true } })
  await using convolved = await CnnLstm.create({ ...VECTORS, lstm: {}, cnn: [{ outChannels: 4 }], numClasses: 2 })
  t.regex(
    (await failsWith(t, 'ERR_INVALID_CONFIG', () => both.stream())).message,
    /last frame\) for `lstm\.bidirectional`, received true$/,
  )
  const { message } = await failsWith(t, 'ERR_INVALID_CONFIG', () => convolved.stream())
  t.regex(message, /both sides .* for `cnn\[0\]\.kernelSize`, received 3$/)
})

test('wrong arguments are refused, and leave the streams as they were', async (t) => {
  await using model = await toyModel()
  await using other = await toyModel()
  const [stream, second] = [model.stream(), model.stream()]
  const frame = frameOf(dots, 0, 0)
  const expected = await model.stream().push(frame)
  await refuses(t, TypeError, /for `frame`/, async () => stream.push(untyped(undefined)))
  await refuses(t, TypeError, /for `frame\.data`/, async () => stream.push(untyped({ data: [1], shape: FRAME })))
  for (const shape of [[SIDE, SIDE], [1, 1, SIDE, SIDE], [1, SIDE * 2, SIDE / 2], [SIDE * SIDE]]) {
    const error = await failsWith(t, 'ERR_SHAPE_MISMATCH', async () => stream.push({ data: frame.data, shape }))
    t.regex(error.message, /Expected a frame of shape \[1, 8, 8\] .* for `frame`/)
  }
  await refuses(t, TypeError, /an array of \[stream, frame\] for `pushes`/, async () => model.pushAll(untyped({})))
  await refuses(t, RangeError, /for `pushes\[0\]`/, async () => model.pushAll(untyped([[stream]])))
  await refuses(t, TypeError, /a stream for `pushes\[0\]\[0\]`/, async () => model.pushAll(untyped([[model, frame]])))
  await refuses(t, RangeError, /a stream of this model/, async () => other.pushAll([[stream, frame]]))
  const twice = [
    [stream, frame],
    [stream, frame],
  ] as const
  await refuses(t, RangeError, /no other frame in the same call/, async () => model.pushAll(twice))
  const mixed = [
    [stream, frame],
    [second, noise(FRAME)],
  ] as const
  await refuses(t, TypeError, /a Uint8Array as the first frame is for `pushes\[1\]\[1\]\.data`/, async () =>
    model.pushAll(mixed),
  )
  t.deepEqual(await stream.push(frame), expected)
})

test('disposing of a stream or of its model: later pushes are refused, earlier ones are done', async (t) => {
  const model = await toyModel()
  const [stream, second] = [model.stream(), model.stream()]
  const frame = frameOf(dots, 0, 0)
  const before = stream.push(frame)
  const disposal = stream.dispose()
  t.true(stream.isDisposed)
  t.false(second.isDisposed)
  await failsWith(t, 'ERR_DISPOSED', async () => stream.push(frame))
  await failsWith(t, 'ERR_DISPOSED', async () => model.pushAll([[stream, frame]]))
  t.deepEqual(await before, await second.push(frame))
  await disposal
  await stream.dispose()
  await model.dispose()
  t.true(second.isDisposed)
  await failsWith(t, 'ERR_DISPOSED', async () => second.push(frame))
  await failsWith(t, 'ERR_DISPOSED', () => model.stream())
  await failsWith(t, 'ERR_DISPOSED', async () => model.pushAll([]))
  await second.dispose()
})
