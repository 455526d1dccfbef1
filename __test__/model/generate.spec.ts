import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Adam, CnnLstm, DataLoader, TensorDataset, audit, fit, setNumThreads, test as evaluate, train } from 'zoetrope'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { VECTORS, padded, sequences } from '../helpers/sequences'
import type { GenerateOptions, Sample, TokenSequence } from 'zoetrope'

const CLASSES = ['a', 'b', 'c'] as const
const OPTIONS = { ...VECTORS, classes: CLASSES, head: { kind: 'sequence', maxLength: 9, hiddenSize: 24 } } as const

/** A letter for each frame, by its largest feature, from the last frame to the first. */
const reversed: readonly Sample[] = sequences(60, ({ data, shape }) => {
  const letters = Array.from({ length: shape[0]! }, (_, frame) => {
    const features = data.subarray(frame * 3, frame * 3 + 3)
    const largest = features.indexOf(Math.max(...features))
    features[largest]! += 2 //                                 clear enough to be learned in seconds
    return CLASSES[largest]!
  })
  return letters.toReversed()
})

/** A model that has learned some of it, and so is neither sure nor at a loss. */
async function learned(epochs = 40): Promise<CnnLstm<(typeof CLASSES)[number], TokenSequence>> {
  const model = await CnnLstm.create(OPTIONS)
  const loader = new DataLoader(reversed, { batchSize: 10, shuffle: true, seed: 0 })
  const optimizer = new Adam(model, { learningRate: 2e-2 })
  for (let epoch = 0; epoch < epochs; epoch++) await train(model, loader, { optimizer, progress: false })
  return model
}

const shared = learned()
test.after.always(async () => (await shared).dispose())

test('a decoder learns to write the frames in reverse, and evaluation says how well', async (t) => {
  await using model = await learned(120)
  const result = await evaluate(model, new DataLoader(reversed, { batchSize: 7 }))
  t.true(result.exact > 0.9, JSON.stringify(result))
  t.is(result.accuracy, result.exact)
  t.true(result.cer < 0.05)
  const { clips, lengths } = padded(reversed, 9, NaN)
  const generated = await model.generate(clips, { lengths })
  const exact = generated.filter(({ labels }, at) => labels.join() === (reversed[at]!.target as string[]).join())
  t.is(exact.length / reversed.length, result.exact)
  t.deepEqual(await model.predict(clips, { lengths }), generated)
  for (const { labels, text, score } of generated) {
    t.is(labels.join(''), text)
    t.true(score <= 0)
  }
})

test('an answer depends on the clip alone: not on its batch, its place, its padding or the threads', async (t) => {
  const model = await shared
  const { clips, lengths } = padded(reversed, 9, 0)
  const strategies: GenerateOptions[] = [
    { strategy: 'greedy' },
    { strategy: 'sample', seed: 5, temperature: 1.5, topK: 3, topP: 0.95 },
    { strategy: 'beam', beams: 3, lengthPenalty: 0.6 },
  ]
  for (const strategy of strategies) {
    const whole = await model.generate(clips, { ...strategy, lengths })
    const backwards = padded(reversed.toReversed(), 12, NaN)
    const turned = await model.generate(backwards.clips, { ...strategy, lengths: backwards.lengths })
    t.deepEqual(turned.toReversed(), whole)
    for (const index of [0, 8, 59]) {
      const { input } = reversed[index]!
      t.deepEqual(await model.generate({ data: input.data, shape: [1, ...input.shape] }, strategy), [whole[index]!])
    }
    setNumThreads(2)
    t.deepEqual(await model.generate(clips, { ...strategy, lengths }), whole)
    setNumThreads(1)
  }
})

test('one beam is greedy, and more beams never score worse', async (t) => {
  const model = await shared
  const { clips, lengths } = padded(reversed, 9, 0)
  let before = await model.generate(clips, { lengths })
  for (let beams = 1; beams <= 6; beams++) {
    const after = await model.generate(clips, { lengths, strategy: 'beam', beams })
    if (beams === 1) t.deepEqual(after, before)
    t.true(after.every(({ score }, at) => score >= before[at]!.score))
    before = after
  }
})

test('the same seed is the same string, another one another, and none is a new one each time', async (t) => {
  const model = await shared
  const { clips, lengths } = padded(reversed, 9, 0)
  const drawn = (seed?: number | bigint) =>
    model.generate(clips, { lengths, strategy: 'sample', temperature: 2, ...(seed !== undefined && { seed }) })
  t.deepEqual(await drawn(3), await drawn(3n))
  t.notDeepEqual(await drawn(3), await drawn(4))
  t.notDeepEqual(await drawn(), await drawn())
})

test('labels can be followed as they are written', async (t) => {
  const model = await shared
  for (const options of [{}, { strategy: 'sample', seed: 2 }, { maxLength: 2 }] as const) {
    const { input } = reversed[8]!
    const tokens = model.generateTokens(input, options)
    const labels = []
    let next = await tokens.next()
    for (; next.done !== true; next = await tokens.next()) labels.push(next.value)
    const [whole] = await model.generate({ data: input.data, shape: [1, ...input.shape] }, options)
    t.deepEqual(labels, whole!.labels)
    t.deepEqual(next.value, whole)
  }
})

test('a loop over labels can be left, and others use the model between two of them', async (t) => {
  const model = await shared
  const { input } = reversed[8]!
  const clips = { data: input.data, shape: [1, ...input.shape] }
  let seen = 0
  for await (const label of model.generateTokens(input)) {
    t.true(CLASSES.includes(label))
    t.is((await model.generate(clips)).length, 1)
    if (++seen === 2) break
  }
  t.is(seen, 2)
})

test('a signal ends a call, and the model goes on', async (t) => {
  const model = await shared
  const { clips, lengths } = padded(reversed, 9, 0)
  const reason = new Error('enough')
  const aborted = AbortSignal.abort(reason)
  const strategies = [{}, { strategy: 'beam', beams: 4 }] as const
  for (const strategy of strategies) {
    t.is(await t.throwsAsync(model.generate(clips, { lengths, signal: aborted, ...strategy })), reason)
    const controller = new AbortController()
    const call = model.generate(clips, { lengths, signal: controller.signal, ...strategy })
    controller.abort(reason)
    t.is(await t.throwsAsync(call), reason)
  }
  const controller = new AbortController()
  const tokens = model.generateTokens(reversed[8]!.input, { signal: controller.signal })
  t.is((await tokens.next()).done, false)
  controller.abort(reason)
  t.is(await t.throwsAsync(tokens.next()), reason)
  t.is((await model.generate(clips, { lengths })).length, 60)
})

test('a clip with a missing value has no labels, and the others are as they were', async (t) => {
  const model = await shared
  const { clips, lengths } = padded(reversed.slice(0, 3), 9, 0)
  const whole = await model.generate(clips, { lengths })
  clips.data[9 * 3] = NaN // of the second clip
  const [first, second, third] = await model.generate(clips, { lengths })
  t.deepEqual(second, { labels: [], text: '', score: NaN })
  t.deepEqual([first, third], [whole[0], whole[2]])
})

test('a saved and loaded model, and one with the state of another, write the same', async (t) => {
  const model = await shared
  const folder = await mkdtemp(join(tmpdir(), 'zoetrope-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = join(folder, 'model.safetensors')
  await model.save(file)
  await using loaded = await CnnLstm.load<'a' | 'b' | 'c', TokenSequence>(file)
  t.deepEqual(loaded.config, model.config)
  await using other = await CnnLstm.create({ ...OPTIONS, seed: 9 })
  await other.loadStateDict(await model.stateDict())
  const { clips, lengths } = padded(reversed.slice(0, 9), 9, 0)
  const written = await model.generate(clips, { lengths, strategy: 'beam' })
  for (const again of [loaded, other]) {
    t.deepEqual(await again.generate(clips, { lengths, strategy: 'beam' }), written)
  }
})

test('a frozen encoder stays as it is while the decoder learns, averages and metrics work as for other heads', async (t) => {
  await using model = await CnnLstm.create(OPTIONS)
  const before = await model.stateDict()
  t.deepEqual(
    await model.freeze('lstm'),
    [...before.keys()].filter((name) => name.startsWith('lstm')),
  )
  const loader = new DataLoader(reversed, { batchSize: 10, shuffle: true, seed: 0 })
  const history = await fit(model, {
    train: loader,
    validation: loader,
    epochs: 3,
    optimizer: new Adam(model, { learningRate: 1e-2 }),
    accumulate: 2,
    ema: { decay: 0.9 },
    best: 'cer',
    loss: { labelSmoothing: 0.1, classWeights: [1, 2, 1] },
    teacherForcing: (step) => 1 - step / 20,
    progress: false,
  })
  t.is(history.length, 3)
  t.true(history.every(({ validation }) => validation!.loss > 0))
  const after = await model.stateDict()
  t.deepEqual(after.get('lstm.lstm.weight_ih_l0'), before.get('lstm.lstm.weight_ih_l0'))
  t.notDeepEqual(after.get('decoder.attention.key.weight'), before.get('decoder.attention.key.weight'))
})

test('teacher forcing draws from the model: the same seed is the same run', async (t) => {
  const run = async (teacherForcing: number) => {
    await using model = await CnnLstm.create(OPTIONS)
    const optimizer = new Adam(model, { learningRate: 1e-2 })
    const { loss } = await train(model, new DataLoader(reversed, { batchSize: 20 }), { optimizer, teacherForcing })
    return loss
  }
  t.is(await run(0.5), await run(0.5))
  t.not(await run(0.5), await run(1))
})

test('targets are names or indices of any length; wrong ones are errors with a name', async (t) => {
  await using model = await CnnLstm.create({ ...OPTIONS, head: { kind: 'sequence', maxLength: 3 } })
  const inputs = { data: new Float32Array(3 * 2 * 3), shape: [3, 2, 3] }
  const tested = (targets: readonly (readonly string[] | readonly number[])[]) =>
    evaluate(model, new DataLoader(new TensorDataset({ inputs, targets })))
  const named = await tested([['a', 'c'], [], ['b', 'b', 'b']])
  t.is((await tested([[0, 2], [], [1, 1, 1]])).loss, named.loss)
  const tooLong = await failsWith(t, 'ERR_DATA', () => tested([['a'], ['a', 'b', 'c', 'a'], []]))
  t.regex(tooLong.message, /at most 3 labels .* received 4 \(sample at index 1\)/)
  t.regex((await failsWith(t, 'ERR_DATA', () => tested([[0], [3], []]))).message, /from 0 to 2/)
  await failsWith(t, 'ERR_DATA', () => tested([[0], [-1], []]))
  await failsWith(t, 'ERR_DATA', () => tested([['a'], ['d'], []]))
})

test('wrong arguments are refused before anything is computed', async (t) => {
  const model = await shared
  const { clips } = padded(reversed.slice(0, 2), 9, 0)
  const cases: [typeof TypeError | typeof RangeError, RegExp, object][] = [
    [RangeError, /'greedy' or 'sample' or 'beam' for `strategy`/, { strategy: 'best' }],
    [TypeError, /did you mean `beams`/, { beam: 3 }],
    [RangeError, /`beams` with the strategy 'beam' only, received 3 with 'greedy'/, { beams: 3 }],
    [RangeError, /`temperature` with the strategy 'sample' only/, { strategy: 'beam', temperature: 2 }],
    [RangeError, /from 1 to 1024 for `beams`/, { strategy: 'beam', beams: 0 }],
    [RangeError, /at least 0 for `lengthPenalty`/, { strategy: 'beam', lengthPenalty: -1 }],
    [RangeError, /above 0 .*`temperature`/, { strategy: 'sample', temperature: 0 }],
    [RangeError, /positive integer for `topK`/, { strategy: 'sample', topK: 0 }],
    [RangeError, /at most 1 for `topP`/, { strategy: 'sample', topP: 1.1 }],
    [RangeError, /`seed`/, { strategy: 'sample', seed: -1 }],
    [RangeError, /positive integer for `maxLength`/, { maxLength: 0 }],
    [TypeError, /AbortSignal/, { signal: {} }],
    [RangeError, /2 lengths/, { lengths: [1] }],
  ]
  for (const [kind, message, options] of cases) {
    await refuses(t, kind, message, () => model.generate(clips, untyped(options)))
  }
  await refuses(t, RangeError, /'greedy' or 'sample'/, () => model.generateTokens(clips, untyped({ strategy: 'beam' })))
  await refuses(t, TypeError, /did you mean|known options/, () =>
    model.generateTokens(clips, untyped({ lengths: [1] })),
  )
  await refuses(t, RangeError, /`clips.shape`/, () => model.generate({ data: new Float32Array(0), shape: [0, 9, 3] }))
  await failsWith(t, 'ERR_SHAPE_MISMATCH', () => model.generate({ data: new Float32Array(8), shape: [1, 2, 4] }))
  const error = await failsWith(t, 'ERR_INVALID_CONFIG', () => model.logits(clips))
  t.regex(error.message, /generate/)
  await using plain = await CnnLstm.create({ ...VECTORS, classes: CLASSES })
  const writer = untyped<typeof model>(plain)
  await refuses(t, TypeError, /head is 'sequence' for `generate`, .*'classification'/, () => writer.generate(clips))
  await refuses(t, TypeError, /`generateTokens`/, () => writer.generateTokens(reversed[0]!.input))
  const loader = new DataLoader(sequences(4, () => 0))
  const optimizer = new Adam(plain, { learningRate: 1e-3 })
  const trained = (teacherForcing: unknown) =>
    train(plain, loader, { optimizer, teacherForcing: untyped<number>(teacherForcing) })
  await refuses(t, RangeError, /nothing for a classification head for `teacherForcing`/, () => trained(0.5))
  const own = new Adam(model, { learningRate: 1e-3 })
  const forced = (teacherForcing: unknown) =>
    train(model, new DataLoader(reversed), { optimizer: own, teacherForcing: untyped<number>(teacherForcing) })
  await refuses(t, RangeError, /from 0 to 1 for `teacherForcing`, received 2/, () => forced(2))
  await refuses(t, TypeError, /from 0 to 1 for `teacherForcing`/, () => forced('1'))
  await refuses(t, RangeError, /for `teacherForcing\(0\)`, received -1/, () => forced(() => -1))
})

test('a model that was disposed of ends what it was writing', async (t) => {
  const model = await CnnLstm.create(OPTIONS)
  const { clips } = padded(reversed.slice(0, 40), 9, 0)
  const tokens = model.generateTokens(reversed[8]!.input)
  await tokens.next()
  const call = model.generate(clips)
  const isRefused = failsWith(t, 'ERR_DISPOSED', () => call)
  await model.dispose()
  await isRefused
  await failsWith(t, 'ERR_DISPOSED', () => tokens.next())
  t.deepEqual(await tokens.next(), { done: true, value: undefined as never })
  await failsWith(t, 'ERR_DISPOSED', () => model.generate(clips))
})

test('an audit looks at a decoder as at any other head', async (t) => {
  await using model = await CnnLstm.create(OPTIONS)
  const findings = await audit(model, new DataLoader(reversed, { batchSize: 10 }), { print: null })
  t.deepEqual(
    findings.filter(({ level }) => level === 'error'),
    [],
  )
  // Whether so small a model learns a batch in the seconds that there are is the machine's affair.
  t.true(
    findings.some(({ code }) => code.includes('overfit')),
    JSON.stringify(findings),
  )
})

test('a summary shows the decoder', async (t) => {
  const model = await shared
  const text = model.summary({ print: () => undefined })
  for (const layer of ['decoder.bridge', 'decoder.embedding', 'decoder.lstm', 'decoder.attention', 'fc']) {
    t.true(text.includes(layer), text)
  }
  let values = 0
  for (const { data } of (await model.stateDict()).values()) values += data.length
  t.regex(text.replaceAll(',', ''), new RegExp(`\\b${values}\\b`))
})
