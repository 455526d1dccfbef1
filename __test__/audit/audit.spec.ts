import test from 'ava'
import { Adam, CnnLstm, DataLoader, TensorDataset, audit, fit, train } from 'zoetrope'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { TOY_OPTIONS, movingDotLoader, movingDots, movingDotSamples, noise, toyModel } from '../helpers/toy'
import type { AuditOptions, Finding, FindingCode, NdArray } from 'zoetrope'

const quiet = { print: null }

const codes = (findings: Finding[]): FindingCode[] => findings.map(({ code }) => code)

function alternating(inputs: NdArray): TensorDataset {
  return new TensorDataset({ inputs, targets: Array.from({ length: inputs.shape[0]! }, (_, index) => index % 2) })
}

test('sound data and a sound model: nothing but what it costs and that a batch can be learned', async (t) => {
  await using model = await toyModel()
  const texts: string[] = []
  const findings = await audit(model, movingDotLoader(64, { shuffle: true }), { print: (text) => texts.push(text) })
  t.deepEqual(codes(findings), ['overfits-one-batch', 'cost'])
  t.true(findings.every(({ level, remedy }) => level === 'info' && remedy === ''))
  t.is(texts.length, 1)
  t.regex(texts[0]!, /info {4}cost: .* s an epoch \(4 steps of .* ms\), at most about \d+ MiB/)
})

test('the model and the order of the loader are left as they were', async (t) => {
  const run = async (isAudited: boolean): Promise<number> => {
    await using model = await toyModel({ lstm: { hiddenSize: 8, numLayers: 2, dropout: 0.4 }, dropout: 0.2 })
    const loader = movingDotLoader(64, { shuffle: true })
    const before = await model.stateDict()
    if (isAudited) await audit(model, loader, quiet)
    t.deepEqual(await model.stateDict(), before)
    return (await train(model, loader, { optimizer: new Adam(model) })).loss
  }
  t.is(await run(true), await run(false))
})

test('inputs: NaN, one value everywhere, unscaled', async (t) => {
  await using model = await toyModel()
  const inputs = noise([40, 6, 1, 8, 8])
  const changed = (change: (value: number, at: number) => number): DataLoader =>
    new DataLoader(alternating({ data: inputs.data.map(change), shape: inputs.shape }))
  const withNaN = await audit(
    model,
    changed((value, at) => (at === 3 ? NaN : value)),
    quiet,
  )
  t.true(codes(withNaN).includes('inputs-not-finite'))
  t.true(codes(withNaN).includes('loss-not-finite'))
  t.true(
    codes(
      await audit(
        model,
        changed(() => 0.5),
        quiet,
      ),
    ).includes('inputs-constant'),
  )
  const unscaled = await audit(
    model,
    changed((value) => value * 255),
    quiet,
  )
  const finding = unscaled.find(({ code }) => code === 'inputs-unscaled')!
  t.is(finding.level, 'warning')
  t.regex(finding.remedy, /normalization\(trainSet\)/)
  await using normalized = await toyModel({ normalize: { mean: [127], std: [75] } })
  t.false(
    codes(
      await audit(
        normalized,
        changed((value) => value * 255),
        quiet,
      ),
    ).includes('inputs-unscaled'),
  )
  await using wrong = await toyModel({ normalize: { mean: [900], std: [75] } })
  t.true(
    codes(
      await audit(
        wrong,
        changed((value) => value),
        quiet,
      ),
    ).includes('normalize-mismatch'),
  )
})

test('targets: out of range, one class only, missing, lopsided', async (t) => {
  const { inputs } = movingDots(200)
  const found = async (target: (index: number) => number, numClasses = 2): Promise<FindingCode[]> => {
    const { classes: _names, ...options } = TOY_OPTIONS
    await using model = await CnnLstm.create({ ...options, numClasses })
    const dataset = new TensorDataset({ inputs, targets: Array.from({ length: 200 }, (_, index) => target(index)) })
    return codes(await audit(model, new DataLoader(dataset, { batchSize: 50 }), quiet))
  }
  t.true((await found((index) => index % 3)).includes('targets-out-of-range'))
  t.true((await found(() => 1)).includes('targets-one-class'))
  t.true((await found((index) => index % 2, 3)).includes('targets-missing-class'))
  t.true((await found((index) => (index % 40 === 0 ? 0 : 1))).includes('targets-imbalanced'))
})

test('a part that gets no gradient, and channels that are dead, are named', async (t) => {
  await using model = await toyModel()
  const state = await model.stateDict()
  state.get('fc.weight')!.data.fill(0)
  await model.loadStateDict(state)
  const cut = await audit(model, movingDotLoader(32), quiet)
  const finding = cut.find(({ code }) => code === 'no-gradient')!
  t.is(finding.level, 'error')
  t.regex(finding.message, /cnn\.conv1\.weight/)

  await using half = await toyModel()
  const halfState = await half.stateDict()
  halfState.get('cnn.conv1.bias')!.data.set([-1e3, -1e3])
  await half.loadStateDict(halfState)
  const dead = (await audit(half, movingDotLoader(32), quiet)).find(({ code }) => code === 'dead-units')!
  t.regex(dead.message, /^2 of 4 channels of cnn\.conv1 /)
})

test('targets that have nothing to do with a batch too hard to learn by heart are a warning', async (t) => {
  await using model = await toyModel()
  const data = new Uint8Array(64 * 6 * 64).fill(100) // the same clip again and again, now this, now that
  const findings = await audit(model, new DataLoader(alternating({ data, shape: [64, 6, 1, 8, 8] })), quiet)
  t.true(codes(findings).includes('does-not-overfit'))
})

test('clips of the validation data that are trained on are found', async (t) => {
  await using model = await toyModel()
  const samples = movingDotSamples(40)
  const validation = new DataLoader(samples.slice(0, 5))
  const finding = (await audit(model, new DataLoader(samples), { validation, ...quiet })).find(
    ({ code }) => code === 'leakage',
  )!
  t.is(finding.level, 'error')
})

test('clips that were not compared are said not to be', async (t) => {
  await using model = await toyModel()
  const validation = new DataLoader({
    *[Symbol.iterator]() {
      yield* movingDotSamples(4)
    },
  })
  t.true(codes(await audit(model, movingDotLoader(32), { validation, ...quiet })).includes('leakage-unseen'))
})

test('an iterable is not used up', async (t) => {
  await using model = await toyModel()
  const once = (function* () {
    yield* movingDotSamples(8)
  })()
  const loader = new DataLoader(once)
  t.deepEqual(codes(await audit(model, loader, quiet)), ['inputs-unseen'])
  t.is((await train(model, loader, { optimizer: new Adam(model) })).samples, 8)
})

test.serial('fit warns of inputs and targets, unless told not to', async (t) => {
  await using model = await toyModel()
  const { data, shape } = noise([40, 6, 1, 8, 8])
  const loader = (): DataLoader => new DataLoader(alternating({ data: data.map((v) => v * 500), shape }))
  const warnings: Error[] = []
  const listen = (warning: Error): unknown => warnings.push(warning)
  process.on('warning', listen)
  t.teardown(() => process.off('warning', listen))
  const own = (): string[] => warnings.map(({ message }) => message).filter((text) => text.startsWith('inputs-'))
  const optimizer = new Adam(model)
  await fit(model, { train: loader(), epochs: 1, optimizer, audit: false })
  await new Promise(setImmediate)
  t.deepEqual(own(), [])
  await fit(model, { train: loader(), epochs: 2, optimizer })
  await new Promise(setImmediate)
  t.is(own().length, 1)
  t.regex(own()[0]!, /^inputs-unscaled: mean .*`audit: false`/)
})

test('wrong arguments are refused', async (t) => {
  await using model = await toyModel()
  const loader = movingDotLoader(8)
  await refuses(t, TypeError, /a DataLoader for `loader`/, async () => audit(model, untyped<DataLoader>([])))
  const options = untyped<AuditOptions>({ validaton: loader })
  await refuses(t, TypeError, /did you mean `validation`/, async () => audit(model, loader, options))
  await refuses(t, TypeError, /a function for `print`/, async () => audit(model, loader, untyped({ print: 3 })))
  const other = new DataLoader(alternating(noise([4, 2, 8, 8])))
  await failsWith(t, 'ERR_SHAPE_MISMATCH', async () => audit(model, other, quiet))
})

test('a gradient that overflows is a finding', async (t) => {
  await using model = await CnnLstm.create({
    input: { features: 2 },
    head: 'regression',
    lstm: { hiddenSize: 3 },
    seed: 0,
  })
  const inputs = { data: new Float32Array(8 * 3 * 2).fill(0.5), shape: [8, 3, 2] }
  const targets = { data: new Float32Array(8).fill(1e19), shape: [8] } // its square is in range, sums of such are not
  const findings = await audit(model, new DataLoader(new TensorDataset({ inputs, targets }), { batchSize: 8 }), quiet)
  t.true(findings.some(({ code, level }) => level === 'error' && code.endsWith('-not-finite')))
})

test('disposing of the model ends an audit between two steps', async (t) => {
  const model = await toyModel({ lstm: { hiddenSize: 512 }, cnn: [{ outChannels: 64 }, { outChannels: 64 }] })
  const audited = audit(model, movingDotLoader(256, { batchSize: 256 }), quiet)
  await new Promise(setImmediate)
  await model.dispose()
  await failsWith(t, 'ERR_DISPOSED', () => audited)
})

test('an abort ends it, and the model is free after the step that runs', async (t) => {
  await using model = await toyModel()
  const controller = new AbortController()
  const audited = audit(model, movingDotLoader(64), { ...quiet, signal: controller.signal })
  controller.abort(new Error('enough'))
  await t.throwsAsync(audited, { message: 'enough' })
  t.is((await model.predict({ data: new Uint8Array(64 * 6), shape: [1, 6, 1, 8, 8] })).length, 1)
})
