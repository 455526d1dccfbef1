import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Adam, constant, cosine, fit, oneCycle, reduceOnPlateau, stepDecay, train, warmup } from 'zoetrope'
import { refuses, untyped } from '../helpers/expect'
import { movingDotLoader, toyModel } from '../helpers/toy'
import type { OneCycleOptions, Schedule, ScheduleRun, StepDecayOptions } from 'zoetrope'

/** Rates of torch.optim.lr_scheduler: `python crates/zoetrope-core/tests/make_training_fixtures.py`, torch 2.11.0. */
interface Case {
  readonly schedule: readonly [string, Options]
  readonly base: number
  readonly rates: readonly number[]
}
type Options = Readonly<Record<string, unknown>> & { readonly inner?: readonly [string, Options] }

const FILE = join(process.cwd(), 'crates/zoetrope-core/tests/training_fixtures/schedules.json')
const CASES: readonly Case[] = JSON.parse(readFileSync(FILE, 'utf8'))
const NO_RUN: ScheduleRun = { totalSteps: undefined, metric: () => [] }

function make([kind, { inner, steps, ...options }]: readonly [string, Options]): Schedule {
  if (kind === 'stepDecay') return stepDecay(untyped<StepDecayOptions>(options))
  if (kind === 'cosine') return cosine(options)
  if (kind === 'oneCycle') return oneCycle(untyped<OneCycleOptions>(options))
  if (kind === 'warmup') return warmup(steps as number, make(inner!), options)
  return constant()
}

test("every schedule gives PyTorch's rates", (t) => {
  const cases = CASES.filter(({ schedule: [kind] }) => kind !== 'reduceOnPlateau')
  t.true(cases.length >= 12)
  for (const { schedule, base, rates } of cases) {
    const rateAt = make(schedule)
    for (const [step, expected] of rates.entries()) {
      const rate = rateAt(step, base, NO_RUN)
      t.true(Math.abs(rate - expected) <= 1e-12, `${JSON.stringify(schedule)} step ${step}: ${rate}, not ${expected}`)
    }
  }
})

test('a schedule is a function of the step alone: asked in any order it says the same', (t) => {
  const schedule = warmup(5, oneCycle({ totalSteps: 20 }))
  const forwards = Array.from({ length: 30 }, (_, step) => schedule(step, 0.1, NO_RUN))
  const backwards = Array.from({ length: 30 }, (_, step) => schedule(29 - step, 0.1, NO_RUN)).toReversed()
  t.deepEqual(forwards, backwards)
  t.is(forwards[29], forwards[24], 'after its end a cycle stays where it ended')
})

test("onBatch sees each update's rate, over epochs and with accumulation; groups have theirs scaled", async (t) => {
  await using model = await toyModel()
  const asked: number[] = []
  const schedule: Schedule = (step, learningRate) => {
    asked.push(learningRate)
    return learningRate / (step + 1)
  }
  const groups = [{ prefix: 'cnn.', learningRate: 0.5 }, { prefix: 'fc.' }]
  const optimizer = new Adam(model, { learningRate: 0.1, groups, schedule })
  const rates: number[] = []
  const options = {
    optimizer,
    accumulate: 2,
    reportEvery: 1,
    onBatch: ({ learningRate }: { learningRate: number }) => rates.push(learningRate),
  }
  t.is((await train(model, movingDotLoader(80), options)).steps, 3) //        five batches: 2, 2, 1
  t.is((await train(model, movingDotLoader(48), options)).steps, 2) //        three batches: 2, 1
  const expected = [1, 1, 2, 2, 3, 4, 4, 5].map((update) => 0.1 / update)
  t.deepEqual(rates, expected)
  t.is(optimizer.steps, 5)
  t.deepEqual([...new Set(asked)], [0.1, 0.5])
  optimizer.steps = 0
  await train(model, movingDotLoader(16), options)
  t.is(rates.at(-1), 0.1)
})

test('wrong schedules are refused, by the factory or by train, before the first step', async (t) => {
  await using model = await toyModel()
  await refuses(t, RangeError, /^Expected a positive integer for `stepSize`, received 0$/, () =>
    stepDecay({ stepSize: 0 }),
  )
  await refuses(t, TypeError, /^Unknown option `tmax`; did you mean `tMax`\?$/, () => cosine(untyped({ tmax: 3 })))
  await refuses(t, RangeError, /for `etaMin`, received NaN$/, () => cosine({ etaMin: NaN }))
  await refuses(t, RangeError, /^Expected a number in \[0, 1\] for `pctStart`, received 2$/, () =>
    oneCycle({ pctStart: 2 }),
  )
  await refuses(t, RangeError, /^Expected a number above 0 for `divFactor`, received 0$/, () =>
    oneCycle({ divFactor: 0 }),
  )
  await refuses(t, RangeError, /'cos' or 'linear'/, () => oneCycle({ annealStrategy: untyped('cosine') }))
  await refuses(t, RangeError, /for `startFactor`, received 1.5$/, () => warmup(3, constant(), { startFactor: 1.5 }))
  await refuses(t, TypeError, /^Expected a schedule, such as cosine\(\) for `inner`/, () => warmup(3, untyped(0.1)))
  await refuses(
    t,
    TypeError,
    /^Expected a schedule, such as cosine\(\) for `schedule`, received 'cosine'$/,
    () => new Adam(model, { schedule: untyped('cosine') }),
  )
  const before = await model.stateDict()
  const open = new Adam(model, { schedule: cosine() })
  await refuses(t, RangeError, /^Expected `tMax` of the schedule outside of `fit`/, async () =>
    train(model, movingDotLoader(16), { optimizer: open }),
  )
  const broken = new Adam(model, { schedule: () => NaN })
  await refuses(t, RangeError, /for `schedule\(0, 0.001\)`, received NaN$/, async () =>
    train(model, movingDotLoader(16), { optimizer: broken }),
  )
  t.deepEqual(await model.stateDict(), before)
})

test('a schedule without a length spans the run of fit, in updates', async (t) => {
  const model = await toyModel()
  const rates: number[] = []
  const optimizer = new Adam(model, { learningRate: 0.01, schedule: cosine() })
  const onBatch = ({ learningRate }: { readonly learningRate: number }): void => void rates.push(learningRate)
  await fit(model, { train: movingDotLoader(16), epochs: 3, accumulate: 2, optimizer, onBatch, progress: false })
  const updates = Math.ceil((movingDotLoader(16).length ?? 0) / 2) * 3
  const distinct = [...new Set(rates)]
  t.is(distinct.length, updates)
  for (const [step, rate] of distinct.entries()) {
    t.true(Math.abs(rate - 0.005 * (1 + Math.cos((Math.PI * step) / updates))) < 1e-12, `update ${step}: ${rate}`)
  }
})

/** `OneCycleLR.get_lr` of torch 2.11.0, line by line, with cos or linear annealing; throws where Python divides by zero. */
function torchOneCycle(step: number, total: number, options: OneCycleOptions): number {
  const { pctStart = 0.3, annealStrategy = 'cos', threePhase = false } = options
  const [initial, max, min] = [1 / 25, 1, 1 / 25 / 1e4]
  const first = { end: pctStart * total - 1, from: initial, to: max }
  const phases = threePhase
    ? [first, { end: 2 * pctStart * total - 2, from: max, to: initial }, { end: total - 1, from: initial, to: min }]
    : [first, { end: total - 1, from: max, to: min }]
  let start = 0
  for (const [index, { end, from, to }] of phases.entries()) {
    if (step <= end || index === phases.length - 1) {
      if (end === start) throw new Error('ZeroDivisionError')
      const part = (step - start) / (end - start)
      return annealStrategy === 'cos'
        ? to + ((from - to) / 2) * (1 + Math.cos(Math.PI * part))
        : (to - from) * part + from
    }
    start = end
  }
  throw new Error('no phase')
}

test("oneCycle gives PyTorch's rates for short cycles, and where PyTorch divides by zero the end of the phase", (t) => {
  let divisions = 0
  for (let total = 1; total <= 12; total++) {
    const shares = [0, 0.05, 0.1, 0.3, 0.5, 0.75, 1, ...Array.from({ length: total }, (_, part) => (part + 1) / total)]
    for (const [pctStart, threePhase, annealStrategy] of shares.flatMap((share) =>
      [true, false].flatMap((three) => (['cos', 'linear'] as const).map((curve) => [share, three, curve] as const)),
    )) {
      const options = { pctStart, threePhase, annealStrategy }
      const [given, ofRun] = [oneCycle({ ...options, totalSteps: total }), oneCycle(options)]
      for (let step = 0; step < total; step++) {
        const what = `${JSON.stringify(options)} step ${step} of ${total}`
        const rate = given(step, 1, NO_RUN)
        t.is(ofRun(step, 1, { ...NO_RUN, totalSteps: total }), rate, what)
        let expected = 1 //                              the only such phase begins at step 0: it ends at the largest rate
        try {
          expected = torchOneCycle(step, total, options)
        } catch {
          divisions++
          t.is(step, 0, what)
        }
        t.true(Math.abs(rate - expected) <= 1e-12, `${what}: ${rate}, not ${expected}`)
      }
    }
  }
  t.true(divisions > 12)
})

test('options are read once, when the schedule is made', (t) => {
  let [reads, totalSteps] = [0, 10]
  const options = {
    get totalSteps() {
      reads++
      return totalSteps
    },
  }
  const schedule = oneCycle(options)
  const before = schedule(9, 1, NO_RUN)
  totalSteps = -5
  t.is(schedule(9, 1, NO_RUN), before)
  t.is(reads, 1)
})

test('only undefined is the default', async (t) => {
  await using model = await toyModel()
  for (const value of [null, false, 0, '']) {
    const shown = typeof value === 'string' ? "''" : String(value)
    await refuses(
      t,
      TypeError,
      new RegExp(`^Expected a schedule, such as cosine\\(\\) for \`schedule\`, received ${shown}$`),
      () => new Adam(model, untyped({ schedule: value })),
    )
    await refuses(t, TypeError, /for `inner`/, () => warmup(3, untyped(value)))
    for (const name of ['metric', 'mode', 'thresholdMode']) {
      const kind = value === '' ? RangeError : TypeError
      await refuses(t, kind, new RegExp(`for \`${name}\`, received ${shown}$`), () =>
        reduceOnPlateau(untyped({ [name]: value })),
      )
    }
  }
  t.is(reduceOnPlateau({ metric: undefined, mode: undefined, thresholdMode: undefined })(0, 1, NO_RUN), 1)
  t.notThrows(() => new Adam(model, { schedule: undefined }))
})

test.serial('a schedule that gives a promise is refused, and its rejection is not unhandled', async (t) => {
  await using model = await toyModel()
  const unhandled: unknown[] = []
  const listen = (reason: unknown): unknown => unhandled.push(reason)
  process.on('unhandledRejection', listen)
  const schedule = untyped<Schedule>(async () => {
    throw new Error('own')
  })
  await refuses(t, TypeError, /for `schedule\(0, 0.001\)`, received an instance of Promise$/, async () =>
    train(model, movingDotLoader(16), { optimizer: new Adam(model, { schedule }) }),
  )
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', listen)
  t.deepEqual(unhandled, [])
})
