import test from 'ava'
import { Adam, Sgd, cosine, fit, reduceOnPlateau, train, warmup } from 'zoetrope'
import { refuses, untyped } from '../helpers/expect'
import { bytesOf } from '../helpers/weights'
import { movingDotLoader, toyModel } from '../helpers/toy'
import type { CnnLstm, EpochRecord, FitOptions, Optimizer, Schedule } from 'zoetrope'

type Runs = readonly (readonly [initialEpoch: number, epochs: number])[]

/** Nothing is better by so much: the first epoch is the best, each later one is bad. */
const everyEpoch = (): Schedule => reduceOnPlateau({ patience: 0, factor: 0.5, threshold: 1e6, thresholdMode: 'abs' })

const sgd = (model: CnnLstm, schedule: Schedule): Sgd => new Sgd(model, { learningRate: 0.1, schedule })

/** The rates of the updates of runs, one after the other, and the records of their epochs. */
async function ratesOf(
  model: CnnLstm,
  optimizer: Optimizer,
  runs: Runs,
  changes: Partial<FitOptions> = {},
): Promise<{ rates: number[]; records: EpochRecord[] }> {
  const [rates, records]: [number[], EpochRecord[]] = [[], []]
  for (const [initialEpoch, epochs] of runs) {
    const onBatch = ({ learningRate }: { learningRate: number }): unknown => rates.push(learningRate)
    const options = { train: movingDotLoader(32), epochs, initialEpoch, optimizer, onBatch, ...changes }
    records.push(...(await fit(model, options)))
  }
  return { rates, records }
}

const warningsOf = async (work: () => Promise<unknown>): Promise<string[]> => {
  const seen: string[] = []
  const listen = (warning: Error & { code?: string }): void => {
    if (warning.code === 'ZOETROPE_HISTORY') seen.push(warning.message)
  }
  process.on('warning', listen)
  await work()
  await new Promise((resolve) => setImmediate(resolve)) //     warnings are emitted in the next tick
  process.off('warning', listen)
  return seen
}

test.serial('a run that is taken up again keeps the reductions of the rate, however often', async (t) => {
  const inParts = async (runs: Runs, schedule: () => Schedule): Promise<number[]> => {
    await using model = await toyModel()
    return (await ratesOf(model, sgd(model, schedule()), runs)).rates
  }
  for (const schedule of [everyEpoch, () => warmup(3, everyEpoch())]) {
    const whole = await inParts([[0, 5]], schedule)
    t.is(whole.length, 10)
    t.true(whole.at(-1)! < whole[4]!)
    t.deepEqual(
      await inParts(
        [
          [0, 3],
          [3, 5],
        ],
        schedule,
      ),
      whole,
    )
    t.deepEqual(
      await inParts(
        [
          [0, 1],
          [1, 2],
          [2, 4],
          [4, 5],
        ],
        schedule,
      ),
      whole,
    )
    const again = await inParts(
      [
        [0, 4],
        [2, 5],
      ],
      schedule,
    )
    t.deepEqual(again.slice(8), whole.slice(4), 'taken up at an earlier epoch')
  }
})

test.serial('another optimizer takes the records of the epochs before, also from JSON', async (t) => {
  await using model = await toyModel()
  const { rates, records } = await ratesOf(model, sgd(model, everyEpoch()), [[0, 4]])
  for (const history of [records.slice(0, 2), JSON.parse(JSON.stringify(records.slice(0, 2))) as EpochRecord[]]) {
    const optimizer = sgd(model, everyEpoch())
    const rest = await ratesOf(model, optimizer, [[2, 3]], { history })
    t.deepEqual(rest.rates, rates.slice(4, 6))
    t.deepEqual((await ratesOf(model, optimizer, [[3, 4]])).rates, rates.slice(6), 'and the run after that')
  }
  const run = fit(model, {
    train: movingDotLoader(16),
    epochs: 3,
    history: records.slice(0, 2),
    optimizer: sgd(model, everyEpoch()),
  })
  t.deepEqual(
    (await run).map(({ epoch }) => epoch),
    [3],
    'their number is where the run begins',
  )
})

test.serial('a schedule by epochs that nobody knows begins anew, and says so', async (t) => {
  await using model = await toyModel()
  const resumed =
    (schedule: Schedule): (() => Promise<unknown>) =>
    async () =>
      ratesOf(model, sgd(model, schedule), [[2, 4]])
  const warnings = await warningsOf(resumed(everyEpoch()))
  t.is(warnings.length, 1)
  t.regex(warnings[0]!, /`history` takes their records/)
  t.deepEqual(await warningsOf(resumed(cosine())), [])
})

test('records that are none are refused', async (t) => {
  await using model = await toyModel()
  const [record] = await fit(model, { train: movingDotLoader(16), epochs: 1, optimizer: new Adam(model) })
  const call = (changes: object) => () =>
    fit(model, untyped<FitOptions>({ train: movingDotLoader(16), epochs: 3, optimizer: new Adam(model), ...changes }))
  await refuses(
    t,
    TypeError,
    /^Expected an array of the records of epochs for `history`, received null$/,
    call({ history: null }),
  )
  await refuses(
    t,
    RangeError,
    /^Expected the records of 2 epochs.* for `history`/,
    call({ history: [record], initialEpoch: 2 }),
  )
  await refuses(
    t,
    RangeError,
    /^Expected 1, the number of the epoch, for `history\[0\].epoch`, received 2$/,
    call({ history: [{ ...record, epoch: 2 }] }),
  )
  await refuses(t, TypeError, /for `history\[0\]`, received null$/, call({ history: [null] }))
  await refuses(t, TypeError, /for `history\[0\].train`, received undefined$/, call({ history: [{ epoch: 1 }] }))
  await refuses(
    t,
    TypeError,
    /^Expected a number for `history\[0\].train.loss`, received 'low'$/,
    call({ history: [{ epoch: 1, train: { loss: 'low' } }] }),
  )
  await refuses(
    t,
    RangeError,
    /^Expected an integer from 0 to 1 for `history.length`, received 2$/,
    call({ epochs: 1, history: [record, { ...record, epoch: 2 }] }),
  )
})

test('steps counts the updates that were made; an epoch that is taken up again is scheduled as if it had not begun', async (t) => {
  const runs = async (isAborted: boolean): Promise<number[]> => {
    await using model = await toyModel()
    const optimizer = new Adam(model, { schedule: cosine({ tMax: 20 }) })
    const options = { train: movingDotLoader(80), optimizer }
    await fit(model, { ...options, epochs: 2 })
    t.is(optimizer.steps, 10)
    if (isAborted) {
      const controller = new AbortController()
      const onBatch = ({ step }: { step: number }): unknown => step === 3 && controller.abort('enough')
      const run = fit(model, { ...options, epochs: 4, initialEpoch: 2, onBatch, signal: controller.signal })
      t.is(await run.catch((error: unknown) => error), 'enough')
      t.true(
        optimizer.steps === 13 || optimizer.steps === 14,
        `step 3 and the one that was under way: ${optimizer.steps}`,
      )
    }
    const { rates } = await ratesOf(model, optimizer, [[2, 4]], { train: movingDotLoader(80) })
    t.is(optimizer.steps, 20)
    return rates
  }
  t.deepEqual(await runs(true), await runs(false))
})

test('a step that a disposed model does not make is not counted', async (t) => {
  const model = await toyModel()
  const optimizer = new Adam(model)
  const disposals: Promise<void>[] = []
  const onBatch = ({ step }: { step: number }): unknown => step === 2 && disposals.push(model.dispose())
  await t.throwsAsync(async () => train(model, movingDotLoader(1600), { optimizer, onBatch }), { code: 'ERR_DISPOSED' })
  await Promise.all(disposals)
  t.true(optimizer.steps === 2 || optimizer.steps === 3)
})

test('steps that are set by hand stay', async (t) => {
  await using model = await toyModel()
  const optimizer = new Adam(model, { schedule: cosine({ tMax: 100 }) })
  await fit(model, { train: movingDotLoader(32), epochs: 2, optimizer })
  optimizer.steps = 50
  await fit(model, { train: movingDotLoader(32), epochs: 3, initialEpoch: 2, optimizer })
  t.is(optimizer.steps, 52)
})

const averaged = (optimizer: Optimizer, changes: Partial<FitOptions> = {}): FitOptions => ({
  train: movingDotLoader(48, { shuffle: true }),
  epochs: 2,
  optimizer,
  ema: { decay: 0.8 },
  ...changes,
})

test('ema: runs one after the other are one run, whatever weights they end with', async (t) => {
  for (const best of [undefined, 'loss'] as const) {
    const trained = async (runs: Runs): Promise<string> => {
      await using model = await toyModel()
      const optimizer = new Sgd(model, { learningRate: 0.5, momentum: 0.9 })
      for (const [initialEpoch, epochs] of runs)
        await fit(model, averaged(optimizer, { initialEpoch, epochs, ...(epochs < 4 && best && { best }) }))
      return await bytesOf(model)
    }
    const whole = await trained([[0, 4]])
    t.is(
      await trained([
        [0, 2],
        [2, 4],
      ]),
      whole,
    )
    t.is(
      await trained([
        [0, 1],
        [1, 2],
        [2, 3],
        [3, 4],
      ]),
      whole,
    )
  }
})

test('ema: the weights between two runs are the averages, and looking at them or saving them changes nothing', async (t) => {
  const end = async (between: (model: CnnLstm) => Promise<unknown>): Promise<string> => {
    await using model = await toyModel()
    const optimizer = new Sgd(model, { learningRate: 0.5, momentum: 0.9 })
    await fit(model, averaged(optimizer))
    await between(model)
    await fit(model, averaged(optimizer, { epochs: 4, initialEpoch: 2 }))
    return await bytesOf(model)
  }
  const plain = await end(async () => undefined)
  t.is(await end(async (model) => model.stateDict()), plain)
  t.is(await end(async (model) => model.loadStateDict(new Map()).catch(() => undefined)), plain, 'a load that fails')
  t.not(
    await end(async (model) => model.loadStateDict(await model.stateDict())),
    plain,
    'a load trains what was loaded',
  )
})

test('ema: a run after a load, or after training by hand, is a first run on those weights', async (t) => {
  const changes: ((model: CnnLstm, optimizer: Optimizer) => Promise<unknown>)[] = [
    async (model) => model.loadStateDict(await initial),
    async (model, optimizer) => train(model, movingDotLoader(48), { optimizer }),
    async (model, optimizer) => fit(model, { train: movingDotLoader(48), epochs: 1, optimizer }),
  ]
  await using other = await toyModel({ seed: 5 })
  const initial = other.stateDict()
  for (const change of changes) {
    await using model = await toyModel()
    const optimizer = new Sgd(model, { learningRate: 0.5 })
    await fit(model, averaged(optimizer))
    await change(model, optimizer)
    const start = await model.stateDict()
    await fit(model, averaged(optimizer))
    await using fresh = await toyModel()
    await fresh.loadStateDict(start)
    await fit(fresh, averaged(new Sgd(fresh, { learningRate: 0.5 })))
    t.is(await bytesOf(model), await bytesOf(fresh))
  }
})

test('ema: weights that are loaded in onEpoch are trained on', async (t) => {
  await using model = await toyModel()
  await using other = await toyModel({ seed: 5 })
  const loaded = await other.stateDict()
  const optimizer = new Sgd(model, { learningRate: 0 })
  const onEpoch = async ({ epoch }: EpochRecord): Promise<void> => {
    if (epoch === 1) await model.loadStateDict(loaded)
  }
  await fit(model, averaged(optimizer, { onEpoch }))
  t.deepEqual((await model.stateDict()).get('fc.weight'), loaded.get('fc.weight'))
})

test('ema: an abort before anything is trained leaves what was loaded', async (t) => {
  await using model = await toyModel()
  const optimizer = new Sgd(model, { learningRate: 0.5 })
  const before = await model.stateDict()
  await fit(model, averaged(optimizer))
  await model.loadStateDict(before)
  const loaded = await bytesOf(model)
  const signal = AbortSignal.abort('enough')
  t.is(await fit(model, averaged(optimizer, { signal })).catch((error: unknown) => error), 'enough')
  t.is(await bytesOf(model), loaded)
})

test('ema: frozen parameters stay as the user sees them, to the bit', async (t) => {
  const freezes: [string, (model: CnnLstm) => Promise<unknown>][] = [
    [
      'after a load',
      async (model) => {
        await using other = await toyModel({ seed: 5 })
        await model.loadStateDict(await other.stateDict())
        await model.freeze('lstm.')
      },
    ],
    ['after a run', async (model) => model.freeze('lstm.')],
    [
      'after a run, and unfrozen and frozen again',
      async (model) => {
        await model.freeze('')
        await model.unfreeze('')
        await model.freeze('lstm.')
      },
    ],
  ]
  for (const [when, freeze] of freezes) {
    await using model = await toyModel()
    const optimizer = new Sgd(model, { learningRate: 0.5, momentum: 0.9 })
    await fit(model, averaged(optimizer))
    await freeze(model)
    const before = await model.stateDict()
    const seen: unknown[] = []
    const onEpoch = async (): Promise<unknown> => seen.push((await model.stateDict()).get('lstm.weight_hh_l0'))
    await fit(model, averaged(optimizer, { onEpoch }))
    const after = await model.stateDict()
    const names = [...before.keys()].filter((name) => name.startsWith('lstm.'))
    t.true(names.length >= 4)
    for (const name of names) t.deepEqual(after.get(name), before.get(name), `${when}: ${name}`)
    t.deepEqual(seen, [before.get('lstm.weight_hh_l0'), before.get('lstm.weight_hh_l0')], when)
    t.notDeepEqual(after.get('fc.weight'), before.get('fc.weight'), when)
  }
})

test('ema: parameters that are frozen in onEpoch stay, and are averaged from there when they train again', async (t) => {
  await using model = await toyModel()
  const optimizer = new Sgd(model, { learningRate: 0.5 })
  const states: Map<string, { data: Float32Array }>[] = []
  const onEpoch = async ({ epoch }: EpochRecord): Promise<void> => {
    states.push(await model.stateDict())
    if (epoch === 1) await model.freeze('cnn.')
    if (epoch === 3) await model.unfreeze('cnn.')
  }
  await fit(model, averaged(optimizer, { epochs: 4, onEpoch, ema: { decay: 0.999 } }))
  const weights = states.map((state) => state.get('cnn.conv1.weight')!.data)
  t.deepEqual(weights[1], weights[0])
  t.deepEqual(weights[2], weights[0])
  const moved = Math.max(...weights[3]!.map((value, at) => Math.abs(value - weights[2]![at]!)))
  t.true(moved > 0 && moved < 0.01, `three updates of an average with decay 0.999 move it by ${moved}`)
})
