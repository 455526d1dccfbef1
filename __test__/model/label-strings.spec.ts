import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import {
  Adam,
  CnnLstm,
  DataLoader,
  TensorDataset,
  audit,
  fit,
  reduceOnPlateau,
  test as evaluate,
  train,
} from 'zoetrope'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { LETTERS, SPELLING, padded, spell, spelled } from '../helpers/strings'
import type { Decode, ModelOptions, Sample } from 'zoetrope'

const samples = spelled(60)
const loader = (data: readonly Sample[] = samples) => new DataLoader(data, { batchSize: 12, shuffle: true })
const named = samples.map(({ input, target }) => ({ input, target: target.map((label) => LETTERS[label]!) }))

/** A model that has learned to spell. */
async function speller() {
  const model = await CnnLstm.create(SPELLING)
  const run = fit(model, {
    train: loader(),
    epochs: 60,
    optimizer: new Adam(model, { learningRate: 0.02 }),
    clipNorm: 1,
  })
  await run
  return model
}

test('label strings are learned, counted and predicted, with the frames of each label', async (t) => {
  await using model = await speller()
  const result = await evaluate(model, loader())
  t.is(result.cer, 0)
  t.is(result.exact, 1)
  t.is(result.accuracy, 1)
  t.false('perClass' in result || 'confusionMatrix' in result || 'wer' in result)
  const target = [2, 2, 0, 1]
  const { clips, lengths } = padded([{ input: spell(target, 1), target }])
  for (const decode of ['greedy', { beams: 16 }] as const) {
    const [{ labels, text, confidence, spans }] = await only(model.predict(clips, { lengths, decode }))
    t.deepEqual(labels, ['c', 'c', 'a', 'b'])
    t.is(text, 'ccab')
    t.true(confidence > 0.5 && confidence <= 1)
    t.deepEqual(
      spans.map(({ label }) => label),
      ['c', 'c', 'a', 'b'],
    )
    for (const [at, { from, to }] of spans.entries()) {
      t.true(from < to && from >= (spans[at - 1]?.to ?? 0) && to <= lengths[0]!)
    }
  }
})

async function only<T>(answers: Promise<T[]>): Promise<[T]> {
  const [first] = await answers
  if (first === undefined) throw new Error('Expected an answer, received none')
  return [first]
}

test('names of classes and their indices are the same targets, from samples and from native memory', async (t) => {
  await using model = await CnnLstm.create(SPELLING)
  const { loss, cer } = await evaluate(model, new DataLoader(samples, { batchSize: 7 }))
  const { clips, lengths } = padded(samples)
  const inMemory = (targets: number[][] | string[][]) => new TensorDataset({ inputs: clips, lengths, targets })
  for (const data of [
    named,
    inMemory(samples.map(({ target }) => target)),
    inMemory(named.map(({ target }) => target)),
  ]) {
    const other = await evaluate(model, new DataLoader(data, { batchSize: 60 }))
    t.true(Math.abs(other.loss / loss - 1) < 1e-6)
    t.is(other.cer, cer)
  }
})

test('an answer does not depend on the other clips, the padding, or the batch', async (t) => {
  await using model = await CnnLstm.create(SPELLING)
  const { clips, lengths } = padded(samples.slice(0, 9))
  for (const decode of ['greedy', { beams: 8 }] as const) {
    const together = await model.predict(clips, { lengths, decode })
    for (const [index, { input }] of samples.slice(0, 9).entries()) {
      const alone = { data: input.data, shape: [1, ...input.shape] }
      const [{ labels, confidence, spans }] = await only(model.predict(alone, { decode }))
      t.deepEqual([labels, spans], [together[index]!.labels, together[index]!.spans])
      t.true(Math.abs(confidence / together[index]!.confidence - 1) < 1e-4)
    }
  }
})

test('accumulated batches give the gradients of one large batch', async (t) => {
  const losses = []
  const states = []
  for (const [batchSize, accumulate] of [
    [60, 1],
    [7, 9],
  ] as const) {
    await using model = await CnnLstm.create(SPELLING)
    const optimizer = new Adam(model, { learningRate: 1e-2 })
    losses.push((await train(model, new DataLoader(samples, { batchSize }), { optimizer, accumulate })).loss)
    states.push(await model.stateDict())
  }
  t.true(Math.abs(losses[0]! / losses[1]! - 1) < 1e-5)
  for (const [name, { data }] of states[0]!) {
    const other = states[1]!.get(name)!.data
    t.true(data.every((value, at) => Math.abs(value - other[at]!) < 1e-4))
  }
})

test('averaged weights are what is validated, kept and saved, and do not change training', async (t) => {
  const run = async (decay?: number) => {
    const model = await CnnLstm.create(SPELLING)
    t.teardown(() => model.dispose())
    const settings = { epochs: 3, optimizer: new Adam(model, { learningRate: 0.02 }) }
    const ema = decay === undefined ? {} : { ema: { decay } }
    const history = await fit(model, { ...settings, ...ema, train: loader(), validation: loader() })
    return { model, history, losses: history.map((epoch) => epoch.train.loss) }
  }
  const [plain, averaged] = [await run(), await run(0.9)]
  t.deepEqual(averaged.losses, plain.losses)
  const last = averaged.history.at(-1)!.validation!.loss
  t.not(last, plain.history.at(-1)!.validation!.loss)
  t.true(Math.abs((await evaluate(averaged.model, loader())).loss / last - 1) < 1e-6)
})

test('a target that cannot be aligned is named before any step of its batch', async (t) => {
  await using model = await CnnLstm.create(SPELLING)
  const before = await model.stateDict()
  const wrong = samples.map((sample, index) =>
    index === 17 ? { input: { data: new Float32Array(9), shape: [3, 3] }, target: [1, 1, 2] } : sample,
  )
  const optimizer = new Adam(model)
  const { clips, lengths } = padded(wrong)
  const dataset = new TensorDataset({ inputs: clips, lengths, targets: wrong.map(({ target }) => target) })
  for (const data of [new DataLoader(wrong, { batchSize: 60 }), new DataLoader(dataset, { batchSize: 60 })]) {
    for (const call of [
      async () => train(model, data, { optimizer }),
      async () => evaluate(model, data),
      async () => fit(model, { train: data, epochs: 1, optimizer, audit: false }),
    ]) {
      const error = await failsWith(t, 'ERR_DATA', call)
      t.regex(error.message, /^Expected at least 4 frames for 3 labels .* received 3 \(sample at index 17\)/)
    }
  }
  t.deepEqual(await model.stateDict(), before)
})

test('wrong targets are typed errors, and the model is intact', async (t) => {
  await using model = await CnnLstm.create(SPELLING)
  const input = spell([0, 1, 2])
  const fails = async (target: Sample['target']) =>
    failsWith(t, 'ERR_DATA', async () => evaluate(model, new DataLoader([{ input, target }])))
  t.regex((await fails([0, 3])).message, /from 0 to 2/)
  t.regex((await fails([0, -1])).message, /from 0 to 2/)
  t.regex((await fails([0.5])).message, /integers/)
  t.regex((await fails(['a', 'z'])).message, /received 'z' \(sample at index 0\)$/)
  const shape = { data: Float32Array.of(0, 1), shape: [1, 2] }
  for (const target of [1, shape]) {
    await failsWith(t, 'ERR_SHAPE_MISMATCH', async () => evaluate(model, new DataLoader([{ input, target }])))
  }
  t.is((await evaluate(model, loader())).samples, 60)
  await using classifier = await CnnLstm.create({ input: { features: 3 }, numClasses: 3 })
  await failsWith(t, 'ERR_SHAPE_MISMATCH', async () => evaluate(classifier, loader()))
})

test('with a separator there is a word error rate, and fit chooses by it', async (t) => {
  await using model = await CnnLstm.create({ ...SPELLING, head: { kind: 'ctc', separator: 'c' } })
  t.is(model.config.head.separator, 2)
  const run = fit(model, {
    train: loader(),
    validation: loader(),
    epochs: 40,
    optimizer: new Adam(model, { learningRate: 0.02, schedule: reduceOnPlateau({ metric: 'cer' }) }),
    clipNorm: 1,
    best: 'wer',
    earlyStopping: { metric: 'exact', patience: 40 },
  })
  const records = await run
  const { wer = NaN, cer } = await evaluate(model, loader())
  t.is(wer, Math.min(...records.map(({ validation }) => validation?.wer ?? NaN)))
  t.true(wer < 0.2 && cer < 0.2)
  t.true(Number.isFinite(records[0]!.train.wer))
  await using plain = await CnnLstm.create(SPELLING)
  await refuses(t, RangeError, /^Expected a metric of this head/, () =>
    fit(plain, { train: loader(), epochs: 1, optimizer: new Adam(plain), best: 'wer' }),
  )
})

test('a search: more beams find no less, a lexicon and a hook allow some strings only', async (t) => {
  await using model = await CnnLstm.create({ ...SPELLING, seed: 3 })
  const { clips, lengths } = padded(samples.slice(0, 12))
  const predict = async (decode: Decode<'a' | 'b' | 'c'>) => model.predict(clips, { lengths, decode })
  const greedy = await predict('greedy')
  t.deepEqual(await predict({ beams: 1 }), greedy)
  let least = greedy.map(({ confidence }) => confidence)
  for (const beams of [2, 3, 4, 8, 16]) {
    const found = (await predict({ beams })).map(({ confidence }) => confidence)
    t.true(found.every((confidence, clip) => confidence >= least[clip]!))
    least = found
  }
  for (const lexicon of [
    ['ab', 'c'],
    [['a', 'b'], ['c']],
  ] as const) {
    t.true((await predict({ lexicon })).every(({ text }) => text === 'ab' || text === 'c' || text === undefined))
  }
  const asked = new Set<string>()
  const allowed = (prefix: readonly string[]): boolean => {
    asked.add(prefix.join(''))
    return prefix.every((label) => label !== 'b') && prefix.length <= 2
  }
  for (const { labels } of await predict({ beams: 8, allowed })) t.true(labels!.length <= 2 && !labels!.includes('b'))
  t.true(asked.has('b'))
  t.true((await predict({ lexicon: ['b', 'a'], allowed })).every(({ text }) => text === 'a' || text === undefined))
})

test('options of a search are checked, and an abort ends it with its reason', async (t) => {
  await using model = await CnnLstm.create(SPELLING)
  const { clips, lengths } = padded(samples.slice(0, 2))
  const predict = (decode: unknown) => async () =>
    model.predict(clips, { lengths, decode: untyped<Decode<'a'>>(decode) })
  await refuses(t, RangeError, /for `decode`, received 'best'$/, predict('best'))
  await refuses(t, RangeError, /for `decode.beams`, received 0$/, predict({ beams: 0 }))
  await refuses(t, TypeError, /^Unknown option `decode.beam`/, predict({ beam: 3 }))
  await refuses(t, RangeError, /for `decode.lexicon\[1\]\[0\]`, received 'x'$/, predict({ lexicon: ['a', 'xy'] }))
  await refuses(t, RangeError, /for `decode.lexicon`/, predict({ lexicon: [] }))
  await refuses(t, TypeError, /^Expected a boolean from `decode.allowed`, received 1$/, predict({ allowed: () => 1 }))
  const reason = new Error('enough')
  await t.throwsAsync(async () => model.predict(clips, { lengths, signal: AbortSignal.abort(reason) }), { is: reason })
  const controller = new AbortController()
  const pending = model.predict(clips, { lengths, decode: { beams: 64 }, signal: controller.signal })
  controller.abort(reason)
  await t.throwsAsync(pending, { is: reason })
  t.is((await model.predict(clips, { lengths })).length, 2)
  await using classifier = await CnnLstm.create({ input: { features: 3 }, numClasses: 3 })
  await refuses(t, TypeError, /^Unknown option `decode`/, async () =>
    classifier.predict(clips, untyped({ decode: 'greedy' })),
  )
})

test('pooling and options of other heads are refused', async (t) => {
  const create = (options: object) => async () => CnnLstm.create(untyped<ModelOptions>({ ...SPELLING, ...options }))
  await refuses(t, RangeError, /^Expected no `pooling` with a ctc head/, create({ pooling: 'mean' }))
  await refuses(t, RangeError, /for `head.per`/, create({ head: { kind: 'ctc', per: 'frame' } }))
  await refuses(t, RangeError, /for `head.separator`, received 'z'$/, create({ head: { kind: 'ctc', separator: 'z' } }))
  await refuses(t, RangeError, /for `head.separator`, received 3$/, create({ head: { kind: 'ctc', separator: 3 } }))
  await refuses(
    t,
    RangeError,
    /^Expected nothing unless for a ctc or sequence for `head.separator`/,
    create({ head: { separator: 0 } }),
  )
  await using model = await CnnLstm.create(SPELLING)
  const optimizer = new Adam(model)
  await refuses(t, RangeError, /for `loss.labelSmoothing`/, async () =>
    train(model, loader(), { optimizer, loss: { labelSmoothing: 0.1 } }),
  )
})

test('a saved model answers as before; summary, logits and frozen parts are those of a head per frame', async (t) => {
  await using model = await CnnLstm.create({ ...SPELLING, head: { kind: 'ctc', separator: 1 } })
  const folder = await mkdtemp(join(tmpdir(), 'zoetrope-'))
  t.teardown(async () => rm(folder, { recursive: true }))
  const path = join(folder, 'label-strings.safetensors')
  await model.save(path)
  await using again = await CnnLstm.load<'a' | 'b' | 'c', { kind: 'ctc'; per: 'clip' }>(path)
  t.deepEqual(again.config, model.config)
  const { clips, lengths } = padded(samples.slice(0, 3))
  t.deepEqual(await again.predict(clips, { lengths }), await model.predict(clips, { lengths }))
  t.deepEqual((await model.logits(clips, { lengths })).shape, [3, clips.shape[1]!, 4])
  t.is(model.numOutputs, 4)
  t.regex(model.summary({ print: () => undefined }), /fc \(Linear\) +│ \(None, None, 4\)/)
  const before = await model.stateDict()
  await model.freeze('lstm')
  await train(model, loader(), { optimizer: new Adam(model), clipNorm: 1 })
  const after = await model.stateDict()
  t.deepEqual(after.get('lstm.lstm.weight_ih_l0'), before.get('lstm.lstm.weight_ih_l0'))
  t.notDeepEqual(after.get('fc.weight'), before.get('fc.weight'))
})

test('answers of nothing but blanks are a finding, with a remedy', async (t) => {
  await using model = await CnnLstm.create(SPELLING)
  const codes = async () => (await audit(model, loader(), { print: null })).map(({ code }) => code)
  t.false((await codes()).includes('all-blank'))
  const state = await model.stateDict()
  const bias = state.get('fc.bias')!
  state.set('fc.bias', { data: Float32Array.of(20, 0, 0, 0), shape: bias.shape })
  await model.loadStateDict(state)
  t.true((await codes()).includes('all-blank'))
})

test('a missing value in a clip makes that answer none', async (t) => {
  await using model = await CnnLstm.create(SPELLING)
  const clips = { data: Float32Array.from({ length: 24 }, (_, at) => (at === 3 ? NaN : 0)), shape: [2, 4, 3] }
  const [missing, whole] = await model.predict(clips)
  t.deepEqual([missing!.labels, missing!.text, missing!.spans], [undefined, undefined, []])
  t.true(Number.isNaN(missing!.confidence))
  t.true(whole!.labels !== undefined)
})
