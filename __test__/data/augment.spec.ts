import test from 'ava'
import { DataLoader, Sgd, Subset, TensorDataset, train } from 'zoetrope'
import { collect } from '../helpers/collect'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { noise, toyModel } from '../helpers/toy'
import type { AugmentOptions, DataLoaderOptions, NdArray, Sample } from 'zoetrope'

const TIME = 6
const FRAME = 8 * 8

/** uint8 clips of [count, 6, 1, 8, 8] in which no pixel is like another; the same frame throughout where `isStill`. */
function clips(count: number, isStill = false): NdArray & { readonly data: Uint8Array } {
  const data = Uint8Array.from({ length: count * TIME * FRAME }, (_, at) => {
    const [clip, frame, pixel] = [Math.floor(at / (TIME * FRAME)), Math.floor(at / FRAME) % TIME, at % FRAME]
    return 20 + ((pixel * 3 + (isStill ? 0 : frame * 5) + clip * 7) % 200)
  })
  return { data, shape: [count, TIME, 1, 8, 8] }
}

const targets = (count: number): number[] => Array.from({ length: count }, (_, index) => index % 2)

function samples({ data, shape }: NdArray): Sample[] {
  const [count = 0, ...rest] = shape
  const size = data.length / count
  return targets(count).map((target, index) => ({
    input: { data: data.slice(index * size, (index + 1) * size), shape: rest },
    target,
  }))
}

function loaderOf(inputs: NdArray, augment: AugmentOptions, options: DataLoaderOptions = {}): DataLoader {
  const dataset = new TensorDataset({ inputs, targets: targets(inputs.shape[0]!) })
  return new DataLoader(dataset, { batchSize: 64, augment, ...options })
}

/** The clips of the next epoch, by the order in which they come. */
async function epochOf(loader: DataLoader): Promise<(Float32Array | Uint8Array)[]> {
  const batches = await collect(loader)
  return batches.flatMap(({ inputs: { data, shape } }) => {
    const size = data.length / shape[0]!
    return Array.from({ length: shape[0]! }, (_, clip) => data.slice(clip * size, (clip + 1) * size))
  })
}

const frameOf = (clip: Float32Array | Uint8Array, frame: number) => clip.slice(frame * FRAME, (frame + 1) * FRAME)

const EVERYTHING: AugmentOptions = {
  crop: { height: 6, width: 7 },
  shift: { x: 2, y: 1 },
  flip: 0.5,
  brightness: 0.1,
  contrast: 0.2,
  noise: 0.02,
  erase: 0.3,
  timeCrop: 0.4,
  timeStretch: 0.2,
  dropFrames: 0.2,
}

test('what happens is a pure function of seed, epoch and index, whatever the source, order and batches', async (t) => {
  const inputs = clips(10)
  const expected = await epochOf(loaderOf(inputs, EVERYTHING, { seed: 5 }))
  const again: [string, DataLoader][] = [
    ['twice', loaderOf(inputs, EVERYTHING, { seed: 5 })],
    ['other batches', loaderOf(inputs, EVERYTHING, { seed: 5, batchSize: 3 })],
    ['samples', new DataLoader(samples(inputs), { augment: EVERYTHING, seed: 5, batchSize: 4 })],
    ['an iterable', new DataLoader(new Set(samples(inputs)), { augment: EVERYTHING, seed: 5, batchSize: 3 })],
  ]
  for (const [name, loader] of again) t.deepEqual(await epochOf(loader), expected, name)

  const shuffled = loaderOf(inputs, EVERYTHING, { seed: 5, shuffle: true, batchSize: 4 })
  const sorted = (all: (Float32Array | Uint8Array)[]): string[] => all.map((clip) => clip.join()).toSorted()
  t.true(sorted(await epochOf(shuffled)).join() === sorted(expected).join())

  const loader = loaderOf(inputs, EVERYTHING, { seed: 5 })
  const epochs = [await epochOf(loader), await epochOf(loader)]
  t.deepEqual(epochs[0], expected)
  for (const [index, clip] of epochs[1]!.entries()) t.notDeepEqual(clip, expected[index]!)
  loader.setEpoch(1)
  t.deepEqual(await epochOf(loader), epochs[1])
  t.notDeepEqual(await epochOf(loaderOf(inputs, EVERYTHING, { seed: 6 })), expected)
})

test('off means untouched, to the bit', async (t) => {
  const inputs = clips(5)
  for (const augment of [{}, { shift: 0, flip: 0, noise: 0, crop: { height: 8, width: 8 } }]) {
    t.deepEqual(await epochOf(loaderOf(inputs, augment)), await epochOf(loaderOf(inputs, {}, { augment: undefined })))
  }
  const floats = noise([3, TIME, 1, 8, 8])
  t.deepEqual(await collect(loaderOf(floats, {})), await collect(loaderOf(floats, {}, { augment: undefined })))
})

test('every frame of a clip meets the same change', async (t) => {
  const still = clips(12, true)
  const options: AugmentOptions[] = [
    { shift: 3 },
    { crop: { height: 5, width: 5 } },
    { flip: 0.5 },
    { brightness: 0.3, contrast: 0.5 },
    { erase: 0.6 },
  ]
  for (const augment of options) {
    const changed = await epochOf(loaderOf(still, augment))
    for (const clip of changed) {
      for (let frame = 1; frame < TIME; frame++) t.deepEqual(frameOf(clip, frame), frameOf(clip, 0))
    }
    const before = await epochOf(loaderOf(still, {}))
    t.true(
      changed.some((clip, index) => clip.join() !== before[index]!.join()),
      JSON.stringify(augment),
    )
  }
})

test('changes in time show frames of the clip, in order, and each frame is one of it', async (t) => {
  const inputs = clips(40)
  const before = await epochOf(loaderOf(inputs, {}))
  for (const augment of [{ timeCrop: 0.6 }, { dropFrames: 0.5 }]) {
    const after = await epochOf(loaderOf(inputs, augment))
    let different = 0
    for (const [index, clip] of after.entries()) {
      const own = Array.from({ length: TIME }, (_, frame) => frameOf(before[index]!, frame).join())
      const places = Array.from({ length: TIME }, (_, frame) => own.indexOf(frameOf(clip, frame).join()))
      t.false(places.includes(-1), JSON.stringify(augment))
      t.deepEqual(
        places,
        places.toSorted((a, b) => a - b),
      )
      if (new Set(places).size < TIME) different++
    }
    t.true(different > 20, `${different}`)
  }
})

test('with shorten, clips lose their frames instead of repeating them', async (t) => {
  const data = Float32Array.from({ length: 60 * TIME }, (_, at) => at % TIME)
  const inputs = { data, shape: [60, TIME, 1] }
  for (const augment of [{ timeCrop: 0.6 }, { dropFrames: 0.5 }, { timeStretch: 0.6 }]) {
    const [batch] = await collect(loaderOf(inputs, { ...augment, shorten: true }))
    const lengths = batch!.lengths!
    t.true(Math.min(...lengths) < TIME && Math.max(...lengths) === TIME, JSON.stringify(augment))
    for (const [clip, length] of lengths.entries()) {
      const valid = batch!.inputs.data.subarray(clip * TIME, clip * TIME + length)
      t.true(valid.every((value, frame) => frame === 0 || value > valid[frame - 1]!))
    }
    const alone = await collect(loaderOf(inputs, { ...augment, shorten: true }, { batchSize: 1 }))
    t.deepEqual(
      alone.map((one) => one.lengths![0]),
      [...lengths],
    )
  }
})

test('a stretched clip runs on, frame by frame, at another speed', async (t) => {
  // A clip whose one pixel is the number of the frame shows the positions.
  const data = Float32Array.from({ length: 30 * TIME }, (_, at) => at % TIME)
  const inputs = { data, shape: [30, TIME, 1, 1, 1] }
  for (const clip of await epochOf(loaderOf(inputs, { timeStretch: 0.5 }))) {
    const steps = Array.from({ length: TIME - 1 }, (_, frame) => clip[frame + 1]! - clip[frame]!)
    const inner = steps.filter((_, frame) => clip[frame]! > 0 && clip[frame + 1]! < TIME - 1)
    for (const step of inner) t.true(Math.abs(step - inner[0]!) < 1e-5 && step >= 0.5 && step < 1.5, `${step}`)
    t.true(Math.min(...clip) >= 0 && Math.max(...clip) <= TIME - 1)
  }
})

test('a shift moves whole pixels and repeats the edge', async (t) => {
  const row = [1, 2, 3, 4]
  const data = Uint8Array.from({ length: 200 * 4 }, (_, at) => row[at % 4]!)
  const seen = new Set<string>()
  for (const clip of await epochOf(loaderOf({ data, shape: [200, 1, 1, 4] }, { shift: { x: 2 } }, { batchSize: 50 }))) {
    seen.add(clip.join())
  }
  t.deepEqual([...seen].toSorted(), ['1,1,1,2', '1,1,2,3', '1,2,3,4', '2,3,4,4', '3,4,4,4'])
})

test('bytes stay bytes within 0…255, and amounts count in 0…1', async (t) => {
  const data = new Uint8Array(400 * TIME * FRAME).fill(250)
  const changed = await epochOf(loaderOf({ data, shape: [400, TIME, 1, 8, 8] }, { brightness: 0.5 }))
  const values = changed.map((clip) => clip[0]!)
  t.true(changed.every((clip) => clip instanceof Uint8Array))
  t.is(Math.max(...values), 255)
  t.true(Math.min(...values) >= 250 - 128 && Math.min(...values) < 130)

  const flat = { data: new Float32Array(100 * TIME * FRAME).fill(3), shape: [100, TIME, 1, 8, 8] }
  const noisy = (await epochOf(loaderOf(flat, { noise: 0.5 }))).flatMap((clip) => [...clip])
  const mean = noisy.reduce((sum, value) => sum + value, 0) / noisy.length
  const deviation = Math.sqrt(noisy.reduce((sum, value) => sum + (value - mean) ** 2, 0) / noisy.length)
  t.true(Math.abs(mean - 3) < 0.01, `${mean}`)
  t.true(Math.abs(deviation - 0.5) < 0.01, `${deviation}`)
})

test('images without time, and samples of a subset, are changed as well', async (t) => {
  const images = { data: clips(1).data, shape: [6, 1, 8, 8] }
  const [batch] = await collect(loaderOf(images, EVERYTHING))
  t.deepEqual(batch!.inputs.shape, [6, 1, 8, 8])
  const dataset = new TensorDataset({ inputs: clips(8), targets: targets(8) })
  const subset = new Subset(dataset, [3, 5])
  const changed = await epochOf(new DataLoader(subset, { augment: { shift: 3 } }))
  t.is(changed.length, 2)
})

test('a model trains on changed clips, the same way each time', async (t) => {
  const losses: number[] = []
  for (let run = 0; run < 2; run++) {
    await using model = await toyModel()
    const loader = loaderOf(clips(32), EVERYTHING, { batchSize: 8, shuffle: true })
    const optimizer = new Sgd(model, { learningRate: 0.01 })
    losses.push((await train(model, loader, { optimizer })).loss)
  }
  await using model = await toyModel()
  const plain = new DataLoader(new TensorDataset({ inputs: clips(32), targets: targets(32) }), {
    batchSize: 8,
    shuffle: true,
  })
  const { loss } = await train(model, plain, { optimizer: new Sgd(model, { learningRate: 0.01 }) })
  t.is(losses[0], losses[1])
  t.not(losses[0], loss)
})

test('wrong options are refused, at once or where the frame shows it', async (t) => {
  const make = (augment: unknown) => () => loaderOf(clips(2), untyped<AugmentOptions>(augment))
  await refuses(t, TypeError, /^Unknown option `augment.shfit`; did you mean `augment.shift`\?$/, make({ shfit: 1 }))
  await refuses(t, TypeError, /^Expected an object for `augment`, received 3$/, make(3))
  await refuses(t, RangeError, /for `augment.shift`, received -1$/, make({ shift: -1 }))
  await refuses(t, RangeError, /for `augment.shift.x`, received 0.5$/, make({ shift: { x: 0.5 } }))
  await refuses(t, RangeError, /from 0 to 1 for `augment.flip`, received 2$/, make({ flip: 2 }))
  await refuses(t, RangeError, /for `augment.noise`, received NaN$/, make({ noise: NaN }))
  await refuses(t, RangeError, /for `augment.noise`, received Infinity$/, make({ noise: Infinity }))
  await refuses(t, RangeError, /\[0, 1\) for `augment.timeCrop`, received 1$/, make({ timeCrop: 1 }))
  await refuses(t, TypeError, /for `augment.crop.width`, received undefined$/, make({ crop: { height: 3 } }))
  const tooFar = await failsWith(t, 'ERR_INVALID_CONFIG', async () => epochOf(loaderOf(clips(2), { shift: 8 })))
  t.regex(tooFar.message, /from 0 to 7 \(the frame has 8 pixels\) for `augment.shift.x`, received 8/)
  const tooLarge = { crop: { height: 9, width: 8 } }
  await failsWith(t, 'ERR_INVALID_CONFIG', async () => epochOf(loaderOf(clips(2), tooLarge)))
})
