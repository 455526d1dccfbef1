/** A frozen encoder's features, computed once: the same run to the bit, and nothing read or encoded twice. */
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Adam, CnnLstm, DataLoader, Subset, TensorDataset, fit, setNumThreads } from 'zoetrope'
import { runProgram } from '../helpers/child'
import { folderOf, openQuietly, png } from '../helpers/clips'
import { refuses, untyped } from '../helpers/expect'
import { movingDotLoader, movingDotSamples, noise, toyModel } from '../helpers/toy'
import { bytesOf } from '../helpers/weights'
import type { Dataset, EpochRecord, FitOptions, HeadOptions, HeadType, ModelOptions, NdArray, Sample } from 'zoetrope'

setNumThreads(1)

const LENGTHS = Array.from({ length: 20 }, (_, clip) => 1 + ((clip * 5) % 6))

/** Clips of 1 to 6 frames of noise. */
function noisy(step: readonly number[], targetOf: (clip: number) => Sample['target'], isRagged = true): Sample[] {
  return LENGTHS.map((length, clip) => ({
    input: noise([isRagged ? length : 6, ...step], clip + 1),
    target: targetOf(clip),
  }))
}

/** The same in native memory. */
function tensors(samples: readonly Sample[]): TensorDataset {
  const [, ...step] = samples[0]!.input.shape
  const size = step.reduce((product, axis) => product * axis, 6)
  const data = new Float32Array(samples.length * size)
  for (const [clip, { input }] of samples.entries()) data.set(input.data, clip * size)
  const inputs: NdArray = { data, shape: [samples.length, 6, ...step] }
  const lengths = samples.map(({ input }) => input.shape[0]!)
  return new TensorDataset({ inputs, targets: samples.map(({ target }) => target as number), lengths })
}

/** A dataset of a user's own that counts what it is asked for. */
function counted(samples: readonly Sample[]): Dataset & { asked: number } {
  return {
    asked: 0,
    length: samples.length,
    async get(index: number) {
      this.asked++
      return samples[index]!
    },
    lengthOf: (index: number) => samples[index]!.input.shape[0]!,
  }
}

interface Ran {
  readonly history: EpochRecord<HeadType>[]
  readonly figures: unknown
  readonly weights: string
}

type Changes = Partial<FitOptions<HeadType>>
type AnyOptions = ModelOptions<string, HeadOptions>

/** A fit of a model whose encoder is frozen: what it comes to, but for the time that it takes. */
async function run(
  model: CnnLstm<string, HeadType>,
  train: DataLoader,
  changes: Changes = {},
  prefixes: readonly string[] = ['cnn'],
): Promise<Ran> {
  for (const prefix of prefixes) await model.freeze(prefix)
  const optimizer = new Adam(model, { learningRate: 1e-2 })
  const history = await fit(model, { train, epochs: 3, optimizer, audit: false, ...changes })
  const figures = history.map(({ train: trained, validation }) =>
    [trained, validation].map(
      (result) => result && { ...result, seconds: undefined, samplesPerSecond: undefined, steps: undefined },
    ),
  )
  return { history, figures, weights: await bytesOf(model) }
}

const OPTIONS = { device: 'cpu', seed: 3, classes: ['a', 'b', 'c'], lstm: { hiddenSize: 8 } } as const
const FRAME = { channels: 3, height: 12, width: 10 }
const MODELS: Record<string, ModelOptions> = {
  'blocks of the kernels': { ...OPTIONS, input: FRAME, cnn: [{ outChannels: 4 }, { outChannels: 6 }] },
  'batch norms and a residual sum': {
    ...OPTIONS,
    input: FRAME,
    cnn: [
      { outChannels: 4, norm: 'batch' },
      { outChannels: 6, norm: 'batch', residual: true, activation: 'gelu', maxPool: null },
    ],
    globalPool: 'average',
    pooling: 'attention',
  },
  'stride and groups': {
    ...OPTIONS,
    input: FRAME,
    cnn: [
      { outChannels: 4, kernelSize: 5, stride: 2, padding: 2, maxPool: null },
      { outChannels: 4, groups: 2 },
    ],
  },
  'a projection': { ...OPTIONS, input: FRAME, cnn: [{ outChannels: 4 }], projection: 5 },
  'vectors over time': {
    ...OPTIONS,
    input: { features: 7 },
    cnn: [{ outChannels: 8 }, { outChannels: 8, norm: 'batch' }],
    lstm: { hiddenSize: 8, bidirectional: true, numLayers: 2, dropout: 0.3 },
  },
}

for (const [name, options] of Object.entries(MODELS)) {
  test(`a run is the same to the bit whatever is kept: ${name}`, async (t) => {
    const step = 'features' in options.input ? [options.input.features] : [3, 12, 10]
    const samples = noisy(step, (clip) => (clip * 7) % 3)
    const sources: Dataset[] = [tensors(samples), counted(samples)]
    for (const source of sources) {
      const ran = async (featureCache: FitOptions['featureCache'], prefixes?: readonly string[]): Promise<Ran> => {
        await using model = await CnnLstm.create(options)
        const loader = new DataLoader(source, { batchSize: 3, shuffle: true, seed: 4, bucketByLength: { size: 2 } })
        const validation = new DataLoader(new Subset(source, [3, 1, 4, 15, 9, 2, 6, 5]), { batchSize: 3 })
        return await run(model, loader, { featureCache, validation }, prefixes)
      }
      const both = 'projection' in options ? [['cnn'], ['cnn', 'projection']] : [['cnn']]
      for (const prefixes of both) {
        const without = await ran(false, prefixes)
        t.is(without.history[0]!.featureCache, undefined)
        for (const featureCache of [true, { limit: 0 }, { limit: 5000 }]) {
          const { history, figures, weights } = await ran(featureCache, prefixes)
          t.deepEqual(figures, without.figures)
          t.is(weights, without.weights)
          const [first, ...later] = history.map(({ featureCache: used }) => used!)
          t.deepEqual([first!.clips, first!.hits, first!.misses], [28, 0, 28])
          for (const { clips, hits, misses, bytes, spilled } of later) {
            t.deepEqual([clips, hits, misses, bytes], [28, 28, 0, first!.bytes])
            t.is(spilled, featureCache === true ? 0 : spilled)
            if (typeof featureCache === 'object') t.true(bytes - spilled <= featureCache.limit)
          }
          if (typeof featureCache === 'object' && featureCache.limit === 0) t.is(first!.spilled, first!.bytes)
        }
      }
    }
  })
}

test('labels of frames, images, label strings and several labels', async (t) => {
  const frames = { ...OPTIONS, input: FRAME, cnn: [{ outChannels: 4 }] } as const
  const cases: [AnyOptions, Sample[]][] = [
    [
      { ...frames, head: { kind: 'classification', per: 'frame' } },
      LENGTHS.map((length, clip) => ({
        input: noise([length, 3, 12, 10], clip + 1),
        target: Int32Array.from({ length }, (_, at) => at % 3),
      })),
    ],
    [frames, LENGTHS.map((_, clip) => ({ input: noise([3, 12, 10], clip + 1), target: clip % 3 }))],
    [
      { ...frames, head: 'ctc' },
      noisy([3, 12, 10], (clip) => (clip % 3 === 0 ? [] : ['b', 'c', 'a'].slice(clip % 3)), false),
    ],
    [{ ...frames, head: 'multiLabel' }, noisy([3, 12, 10], (clip) => [clip % 2, 1, Math.floor(clip / 2) % 2])],
    [
      { device: 'cpu', seed: 3, input: FRAME, cnn: frames.cnn, head: { kind: 'regression', outputs: 2 } },
      noisy([3, 12, 10], (clip) => ({ data: Float32Array.of(clip / 20, 0.5), shape: [2] })),
    ],
  ]
  for (const [options, samples] of cases) {
    const ran = async (source: Dataset, featureCache: boolean): Promise<Ran> => {
      await using model = await CnnLstm.create<string, HeadOptions>(options)
      const loader = new DataLoader(source, { batchSize: 6, shuffle: true })
      return await run(model, loader, { featureCache, validation: new DataLoader(source, { batchSize: 5 }) })
    }
    const source = counted(samples)
    const without = await ran(counted(samples), false)
    const { figures, weights } = await ran(source, true)
    t.deepEqual(figures, without.figures)
    t.is(weights, without.weights)
    t.is(source.asked, 40)
  }
})

test('what was read once is not read again, and with dropLast only what is new', async (t) => {
  await using model = await toyModel()
  const source = counted(movingDotSamples(50))
  const asked: number[] = []
  const { history } = await run(model, new DataLoader(source, { batchSize: 16, shuffle: true, dropLast: true }), {
    epochs: 8,
    featureCache: true,
    onEpoch: () => asked.push(source.asked),
  })
  t.deepEqual(
    asked,
    history.map(({ featureCache }) => featureCache!.clips),
  )
  t.is(asked[0], 48)
  t.is(asked[7], 50)
})

test('a dataset of a user is not kept unless that is wanted', async (t) => {
  const train = async (featureCache?: FitOptions['featureCache']): Promise<[number, boolean]> => {
    await using model = await toyModel()
    const source = counted(movingDotSamples(32))
    const { history } = await run(model, new DataLoader(source, { batchSize: 16 }), { featureCache })
    return [source.asked, history[0]!.featureCache !== undefined]
  }
  t.deepEqual(await train(), [96, false])
  t.deepEqual(await train(false), [96, false])
  t.deepEqual(await train(true), [32, true])
  t.deepEqual(await train({}), [32, true])
})

test('without options: data in native memory and its subsets, and a share for validation', async (t) => {
  await using model = await toyModel()
  const { history } = await run(model, movingDotLoader(40, { shuffle: true }), { validation: 0.25 })
  const used = history.map(({ featureCache }) => featureCache!)
  t.deepEqual(used[1], { clips: 40, bytes: 40 * 6 * 4 * 16 * 4, spilled: 0, hits: 40, misses: 0 })
  await model.unfreeze('cnn')
  const [record] = await fit(model, { train: movingDotLoader(32), epochs: 1, optimizer: new Adam(model) })
  t.false('featureCache' in record!)
})

test('a subclass with a `get` of its own is a dataset of a user', async (t) => {
  class Mirrored extends Subset {
    override get(index: number) {
      return super.get(this.length - 1 - index)
    }
  }
  await using model = await toyModel()
  const source = new Mirrored(movingDotSamples(16), [0, 1, 2, 3])
  const { history } = await run(model, new DataLoader(source, { batchSize: 2 }))
  t.is(history[1]!.featureCache, undefined)
})

test('augmented clips are encoded each time, those of validation once', async (t) => {
  await using model = await toyModel()
  const train = movingDotLoader(32, { augment: { noise: 0.1 } })
  const { history } = await run(model, train, { validation: movingDotLoader(20) })
  t.deepEqual(
    history.map(({ featureCache }) => [featureCache!.clips, featureCache!.misses]),
    [
      [20, 20],
      [20, 0],
      [20, 0],
    ],
  )
})

test('a folder of clips is read once', async (t) => {
  const image = (seed: number): Buffer => png(8, 8, 1, (x, y) => (x * seed * 31 + y * 17) % 256)
  const clips = Array.from({ length: 12 }, (_, clip) => [0, 1].map((frame) => [clip, frame] as const)).flat()
  const files = Object.fromEntries(
    clips.map(([clip, frame]) => [`${clip % 2 ? 'left' : 'right'}/clip${clip}/${frame}.png`, image(clip + frame)]),
  )
  const folder = folderOf(files)
  await using dataset = await openQuietly(folder, { cache: false })
  await using model = await CnnLstm.create({
    input: dataset.input,
    classes: dataset.classes,
    cnn: [{ outChannels: 4 }],
    lstm: { hiddenSize: 8 },
    seed: 0,
  })
  const { history } = await run(model, new DataLoader(dataset, { batchSize: 5, shuffle: true }), {
    onEpoch: () => rmSync(folder, { recursive: true, force: true }),
  })
  t.is(history.length, 3)
  t.is(history[2]!.featureCache!.hits, 12)
})

/** What a callback does the first time, and later. */
const CHANGES: Record<string, (model: CnnLstm, isFirst: boolean) => Promise<unknown>> = {
  'unfreezes the encoder': async (model) => model.unfreeze('cnn'),
  'unfreezes a norm for some steps': async (model, isFirst) =>
    isFirst ? model.unfreeze('cnn.norm2') : model.freeze('cnn.norm2'),
  'gives the encoder other weights': async (model, isFirst) =>
    isFirst ? model.loadStateDict(otherWeights(), { strict: false }) : undefined,
  'freezes more': async (model) => model.freeze('lstm'),
}

for (const [what, change] of Object.entries(CHANGES)) {
  for (const at of ['batch', 'epoch'] as const) {
    test(`a callback that ${what} after a${at === 'epoch' ? 'n' : ''} ${at}: the same run`, async (t) => {
      const samples = movingDotSamples(40)
      const ran = async (source: Dataset, featureCache: boolean): Promise<Ran> => {
        await using model = await toyModel({ cnn: [{ outChannels: 4 }, { outChannels: 4, norm: 'batch' }] })
        let batches = 0
        const onBatch = async (): Promise<void> => {
          batches++
          if (batches === 14 || batches === 17) await change(model, batches === 14)
        }
        const onEpoch = async ({ epoch }: { epoch: number }): Promise<void> => {
          if (epoch === 2 || epoch === 3) await change(model, epoch === 2)
        }
        return await run(model, new DataLoader(source, { batchSize: 4, shuffle: true, prefetch: 4 }), {
          featureCache,
          epochs: 5,
          validation: new DataLoader(source, { batchSize: 16 }),
          ...(at === 'batch' ? { onBatch } : { onEpoch }),
        })
      }
      for (const source of [counted(samples), movingDotsInMemory()]) {
        const without = await ran(source, false)
        const { figures, weights, history } = await ran(source, true)
        t.deepEqual(figures, without.figures)
        t.is(weights, without.weights)
        t.is(history[4]!.featureCache === undefined, what === 'unfreezes the encoder')
      }
    })
  }
}

function otherWeights(): Map<string, NdArray> {
  return new Map([['cnn.conv1.weight', noise([4, 1, 3, 3], 77)]])
}

function movingDotsInMemory(): TensorDataset {
  const samples = movingDotSamples(40)
  const data = new Uint8Array(samples.flatMap(({ input }) => [...input.data]))
  const targets = samples.map(({ target }) => target as number)
  return new TensorDataset({ inputs: { data, shape: [40, ...samples[0]!.input.shape] }, targets })
}

test('averages, best weights and frozen norms keep what is kept', async (t) => {
  await using model = await toyModel({ cnn: [{ outChannels: 4, norm: 'batch' }] })
  const source = counted(movingDotSamples(32))
  const { history } = await run(model, new DataLoader(source, { batchSize: 8, shuffle: true }), {
    featureCache: true,
    ema: { decay: 0.9 },
    best: 'loss',
    validation: movingDotLoader(16),
  })
  t.is(source.asked, 32)
  t.is(history[2]!.featureCache!.misses, 0)
})

test('several runs, one after the other', async (t) => {
  await using model = await toyModel()
  const source = counted(movingDotSamples(32))
  const loader = new DataLoader(source, { batchSize: 16 })
  await run(model, loader, { featureCache: true })
  await run(model, loader, { featureCache: true })
  t.is(source.asked, 64)
})

/** Files without a name that this process has open. */
function nameless(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return /zoetrope-.*\(deleted\)/.test(readlinkSync(`/proc/self/fd/${fd}`))
    } catch {
      return false
    }
  }).length
}

test.serial(
  'the file is there while the run is, and has gone after an end, an abort, an error and a loop that is left',
  async (t) => {
    const options = { featureCache: { limit: 100 }, epochs: 4 }
    const begin = nameless()
    await using model = await toyModel()
    let during = 0
    const look = (): number => (during = nameless() - begin)
    await run(model, movingDotLoader(32), { ...options, onEpoch: look })
    t.is(during, 1)
    t.is(await closed(begin), begin)
    const controller = new AbortController()
    const abort = ({ epoch }: { epoch: number }): void =>
      epoch === 2 ? controller.abort(new Error('enough')) : undefined
    await t.throwsAsync(run(model, movingDotLoader(32), { ...options, signal: controller.signal, onEpoch: abort }), {
      message: 'enough',
    })
    t.is(await closed(begin), begin)
    const fail = (): never => {
      throw new Error('on purpose')
    }
    await t.throwsAsync(run(model, movingDotLoader(32), { ...options, onEpoch: fail }), { message: 'on purpose' })
    t.is(await closed(begin), begin)
    const optimizer = new Adam(model)
    for await (const { epoch } of fit(model, { train: movingDotLoader(32), optimizer, ...options }))
      if (epoch === 2) break
    t.is(await closed(begin), begin)
    const disposed = run(model, movingDotLoader(32), { ...options, onEpoch: () => model.dispose() })
    await t.throwsAsync(disposed, { code: 'ERR_DISPOSED' })
    t.is(await closed(begin), begin)
  },
)

/** Memory and file are given back beside the caller. */
async function closed(expected: number): Promise<number> {
  for (let waited = 0; nameless() > expected && waited < 200; waited++) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return nameless()
}

test('a process that ends in the middle of a run leaves no file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'zoetrope-features-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const ending = await runProgram('exit-with-features', [], [], { env: { TMPDIR: folder } })
  t.deepEqual(ending, { code: 7, signal: null, stdout: `${32 * 6 * 64 * 4}\n`, stderr: '' })
  t.deepEqual(readdirSync(folder), [])
})

test('options are checked', async (t) => {
  await using model = await toyModel()
  const given = (featureCache: unknown) => () =>
    fit(model, {
      train: movingDotLoader(16),
      epochs: 1,
      optimizer: new Adam(model),
      featureCache: untyped(featureCache),
    })
  await refuses(t, TypeError, /^Expected a boolean for `featureCache`, received 7$/, given(7))
  await refuses(
    t,
    TypeError,
    /^Unknown option `featureCache.limits`; did you mean `featureCache.limit`\?$/,
    given({ limits: 1 }),
  )
  await refuses(t, RangeError, /^Expected .* for `featureCache.limit`, received -1$/, given({ limit: -1 }))
  await refuses(t, TypeError, /^Expected .* for `featureCache.limit`, received '1 GB'$/, given({ limit: '1 GB' }))
  await refuses(t, TypeError, /^Expected an object for `featureCache`, received null$/, given(null))
})

test.serial('later epochs cost what the recurrent part costs', async (t) => {
  await using model = await CnnLstm.create({
    input: { channels: 3, height: 32, width: 32 },
    classes: ['a', 'b'],
    cnn: [{ outChannels: 32 }, { outChannels: 64 }],
    lstm: { hiddenSize: 32 },
    seed: 0,
  })
  const inputs = noise([32, 8, 3, 32, 32], 1)
  const train = new DataLoader(
    new TensorDataset({
      inputs,
      targets: LENGTHS.concat(LENGTHS)
        .slice(0, 32)
        .map((n) => n % 2),
    }),
    { batchSize: 8 },
  )
  const seconds = async (featureCache: boolean): Promise<string> => {
    const { history } = await run(model, train, { featureCache, epochs: 4 })
    return history.map(({ train: { seconds: taken } }) => `${Math.round(taken * 1000)} ms`).join(', ')
  }
  t.log(`epochs with features kept: ${await seconds(true)}; without: ${await seconds(false)}`)
  t.pass()
})
