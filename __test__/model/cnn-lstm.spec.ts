import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { Adam, CnnLstm, isCudaAvailable, train } from 'zoetrope'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { movingDotLoader, movingDots, noise, toyModel } from '../helpers/toy'
import type { NdArray } from 'zoetrope'

let folder: string
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zoetrope-'))
})
test.after.always(async () => rm(folder, { recursive: true, force: true }))

const clips = movingDots(5).inputs

test('predict gives a typed label, its index and probabilities that sum to 1', async (t) => {
  await using model = await toyModel()
  const predictions = await model.predict(clips)
  t.is(predictions.length, 5)
  for (const { label, index, probabilities } of predictions) {
    const typed: 'left' | 'right' | undefined = label // the type of the literal names, checked by the compiler
    t.is(typed, model.classes[index]!)
    t.is(probabilities.length, 2)
    t.true(Math.abs(probabilities[0]! + probabilities[1]! - 1) < 1e-6)
    t.is(Math.max(...probabilities), probabilities[index]!)
  }
})

test('labels of a model created by numClasses are the indices as strings', async (t) => {
  await using model = await CnnLstm.create({
    input: { channels: 1, height: 8, width: 8 },
    numClasses: 4,
    device: 'cpu',
  })
  const [prediction] = await model.predict(noise([1, 1, 8, 8]))
  t.is(prediction!.label, String(prediction!.index))
})

test('logits have the shape [batch, numClasses] and the softmax of predict', async (t) => {
  await using model = await toyModel()
  const logits = await model.logits(clips)
  t.deepEqual(logits.shape, [5, 2])
  const [first] = await model.predict(clips)
  const [a, b] = logits.data
  t.true(Math.abs(first!.probabilities[0]! - 1 / (1 + Math.exp(b! - a!))) < 1e-6)
})

test('an image is a clip of one frame', async (t) => {
  await using model = await toyModel()
  const images = noise([3, 1, 8, 8])
  const asClips = { data: images.data, shape: [3, 1, 1, 8, 8] }
  t.deepEqual((await model.logits(images)).data, (await model.logits(asClips)).data)
})

test('uint8 pixels are scaled to 0…1', async (t) => {
  await using model = await toyModel()
  const scaled = { data: Float32Array.from(clips.data, (pixel) => pixel / 255), shape: clips.shape }
  const [pixels, floats] = [await model.logits(clips), await model.logits(scaled)]
  for (const [at, value] of pixels.data.entries()) t.true(Math.abs(value - floats.data[at]!) < 1e-6)
})

test('a caller may change its array as soon as the call returns', async (t) => {
  await using model = await toyModel()
  const expected = await model.logits(clips)
  const data = clips.data.slice()
  const pending = model.logits({ data, shape: clips.shape })
  data.fill(77)
  t.deepEqual((await pending).data, expected.data)
})

test('equal seeds give equal weights, others do not', async (t) => {
  const models = await Promise.all([toyModel({ seed: 5 }), toyModel({ seed: 5n }), toyModel({ seed: 6 })])
  const [a, b, c] = await Promise.all(models.map(async (model) => model.stateDict()))
  t.deepEqual(a, b)
  t.notDeepEqual(a, c)
  await Promise.all(models.map(async (model) => model.dispose()))
})

test('save and load: configuration, names and answers come back', async (t) => {
  await using model = await toyModel()
  const path = join(folder, 'saved.safetensors')
  await model.save(path)
  await using again = await CnnLstm.load(path, { device: 'cpu' })
  t.deepEqual(again.config, model.config)
  t.deepEqual(again.classes, ['left', 'right'])
  t.deepEqual(await again.logits(clips), await model.logits(clips))
  await model.save(pathToFileURL(path))
  await using fromUrl = await CnnLstm.load(pathToFileURL(path), { device: 'cpu' })
  t.is(fromUrl.numClasses, 2)
  t.deepEqual(await readdir(folder).then((names) => names.filter((name) => name.startsWith('saved'))), [
    'saved.safetensors',
  ])
})

test('batch-norm statistics come back from a file and from a state dict', async (t) => {
  const cnn = [{ outChannels: 4, norm: 'batch' }] as const
  await using model = await toyModel({ cnn })
  await train(model, movingDotLoader(32), { optimizer: new Adam(model) })
  const state = await model.stateDict()
  t.deepEqual(state.get('cnn.norm1.num_batches_tracked'), { data: Float32Array.of(2), shape: [] })
  t.notDeepEqual(state.get('cnn.norm1.running_mean')?.data, new Float32Array(4))
  const path = join(folder, 'norm.safetensors')
  await model.save(path)
  await using again = await CnnLstm.load(path, { device: 'cpu' })
  await using other = await toyModel({ cnn, seed: 9 })
  await other.loadStateDict(state)
  for (const copy of [again, other]) {
    t.deepEqual(await copy.stateDict(), state)
    t.deepEqual(await copy.logits(clips), await model.logits(clips))
  }
})

test('files that are missing, damaged or foreign are ERR_CHECKPOINT, and the model works after it', async (t) => {
  await using model = await toyModel()
  const expected = await model.logits(clips)
  const [missing, corrupt, empty, short] = ['missing', 'corrupt', 'empty', 'short'].map((name) =>
    join(folder, name),
  ) as [string, string, string, string]
  await writeFile(corrupt, 'not a checkpoint, but long enough to look like one')
  await writeFile(empty, '')
  await model.save(short)
  await writeFile(short, await import('node:fs').then(({ readFileSync }) => readFileSync(short).subarray(0, -40)))
  for (const path of [missing, corrupt, empty, short, folder]) {
    const error = await failsWith(t, 'ERR_CHECKPOINT', async () => CnnLstm.load(path))
    t.true(error.message.includes(path), error.message)
    await failsWith(t, 'ERR_CHECKPOINT', async () => model.loadStateDict(path))
  }
  await failsWith(t, 'ERR_CHECKPOINT', async () => model.save(join(folder, 'no', 'such', 'folder', 'x')))
  t.deepEqual(await model.logits(clips), expected)
})

test('bad paths and options of load are refused', async (t) => {
  await refuses(t, TypeError, /^Expected a path for `path`, received 3$/, async () => CnnLstm.load(untyped(3)))
  await refuses(t, RangeError, /^Expected a path for `path`, received ''$/, async () => CnnLstm.load(''))
  await refuses(t, TypeError, /^Unknown option `devise`; did you mean `device`\?$/, async () =>
    CnnLstm.load('x', untyped({ devise: 'cpu' })),
  )
})

test('a device that is not there is ERR_DEVICE_UNAVAILABLE', async (t) => {
  const device = isCudaAvailable() ? 'cuda:99' : 'cuda'
  const error = await failsWith(t, 'ERR_DEVICE_UNAVAILABLE', async () => toyModel({ device }))
  t.true(error.message.includes(device))
})

test('auto is the CPU where there is no CUDA device', async (t) => {
  await using model = await toyModel({ device: 'auto' })
  t.is(model.device, isCudaAvailable() ? 'cuda:0' : 'cpu')
})

const misfits: [string, NdArray][] = [
  ['other channels', noise([2, 6, 3, 8, 8])],
  ['another height', noise([2, 6, 1, 9, 8])],
  ['another width', noise([2, 1, 8, 7])],
  ['three axes', noise([1, 8, 8])],
  ['six axes', noise([1, 1, 6, 1, 8, 8])],
  ['no axis', noise([])],
  ['a short buffer', { data: new Float32Array(10), shape: [1, 6, 1, 8, 8] }],
  ['a long buffer', { data: new Uint8Array(1000), shape: [1, 6, 1, 8, 8] }],
  ['sizes beyond any memory', { data: new Uint8Array(10), shape: [2 ** 40, 2 ** 40, 1, 8, 8] }],
]
for (const [what, array] of misfits) {
  test(`clips with ${what} are ERR_SHAPE_MISMATCH, and the model works after it`, async (t) => {
    await using model = await toyModel()
    const expected = await model.logits(clips)
    await failsWith(t, 'ERR_SHAPE_MISMATCH', async () => model.predict(array))
    await failsWith(t, 'ERR_SHAPE_MISMATCH', async () => model.logits(array))
    t.deepEqual(await model.logits(clips), expected)
  })
}

test('clips that are no array, of another type or with no sizes are refused before any native call', async (t) => {
  await using model = await toyModel()
  const bad = (value: unknown) => async () => model.predict(untyped<NdArray>(value))
  await refuses(t, TypeError, /^Expected an object for `clips`, received undefined$/, bad(undefined))
  await refuses(
    t,
    TypeError,
    /^Expected a Float32Array or Uint8Array for `clips.data`, received undefined$/,
    bad(new Float32Array(2)),
  )
  const data = new Float64Array(64)
  await refuses(
    t,
    TypeError,
    /^Expected a Float32Array or Uint8Array for `clips.data`, received Float64Array of length 64$/,
    bad({ data, shape: [1, 1, 8, 8] }),
  )
  await refuses(
    t,
    TypeError,
    /`clips.data`, received an array of length 64$/,
    bad({ data: [...data].map(String), shape: [1, 1, 8, 8] }),
  )
  await refuses(t, TypeError, /`clips.shape`, received undefined$/, bad({ data: new Uint8Array(64) }))
  await refuses(
    t,
    RangeError,
    /`clips.shape`, received \[0, 1, 8, 8\]$/,
    bad({ data: new Uint8Array(0), shape: [0, 1, 8, 8] }),
  )
  await refuses(
    t,
    RangeError,
    /`clips.shape`, received \[-1, 1, 8, -8\]$/,
    bad({ data: new Uint8Array(64), shape: [-1, 1, 8, -8] }),
  )
  await refuses(
    t,
    RangeError,
    /`clips.shape`, received \[1, 1, 8, NaN\]$/,
    bad({ data: new Uint8Array(64), shape: [1, 1, 8, NaN] }),
  )
  t.is((await model.predict(clips)).length, 5)
})

test('arrays over shared, offset and detached memory are taken or refused, never a crash', async (t) => {
  await using model = await toyModel()
  const expected = await model.logits(clips)
  const shared = new Uint8Array(new SharedArrayBuffer(clips.data.length))
  shared.set(clips.data)
  t.deepEqual(await model.logits({ data: shared, shape: clips.shape }), expected)
  const offset = new Uint8Array(clips.data.length + 3).subarray(3)
  offset.set(clips.data)
  t.deepEqual(await model.logits({ data: offset, shape: clips.shape }), expected)
  t.deepEqual(await model.logits({ data: Buffer.from(clips.data), shape: clips.shape }), expected)
  const gone = clips.data.slice()
  structuredClone(gone, { transfer: [gone.buffer] })
  await refuses(t, TypeError, /buffer is detached/, async () => model.logits({ data: gone, shape: clips.shape }))
})

test('dispose: twice is fine, use after it is ERR_DISPOSED', async (t) => {
  const model = await toyModel()
  const optimizer = new Adam(model)
  t.false(model.isDisposed)
  await Promise.all([model.dispose(), model.dispose()])
  await model.dispose()
  t.true(model.isDisposed)
  const uses: (() => unknown)[] = [
    async () => model.predict(clips),
    async () => model.logits(clips),
    async () => model.save(join(folder, 'never')),
    async () => model.stateDict(),
    async () => model.loadStateDict(new Map()),
    async () => train(model, movingDotLoader(16), { optimizer }),
    () => model.summary({ print: () => undefined }),
  ]
  for (const use of uses) await failsWith(t, 'ERR_DISPOSED', use)
  t.is(model.numClasses, 2)
})

test('dispose while calls are under way: they settle, the waiting ones with ERR_DISPOSED', async (t) => {
  const model = await toyModel()
  const calls = Array.from({ length: 20 }, async () => model.predict(clips))
  const settled = Promise.allSettled(calls)
  await model.dispose()
  for (const result of await settled) {
    if (result.status === 'rejected') t.is((result.reason as { code: string }).code, 'ERR_DISPOSED')
    else t.is(result.value.length, 5)
  }
})

test('await using disposes', async (t) => {
  let kept: CnnLstm | undefined
  {
    await using model = await toyModel()
    kept = model
    t.false(kept.isDisposed)
  }
  t.true(kept.isDisposed)
})

test('a model is made by create or load only, and foreign objects are no model', async (t) => {
  await refuses(t, TypeError, /^Expected a CnnLstm for `model`, received an object$/, () => new Adam(untyped({})))
  await refuses(
    t,
    TypeError,
    /^Expected a CnnLstm for `model`, received undefined$/,
    () => new Adam(untyped(undefined)),
  )
  const fake = untyped<CnnLstm>(Object.create(CnnLstm.prototype))
  await refuses(t, TypeError, /^Expected a CnnLstm for `model`, received an instance of CnnLstm$/, () => new Adam(fake))
})
