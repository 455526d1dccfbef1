/** Backbones: networks of torchvision's as a model's CNN, and their weights from files. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Adam, CnnLstm, DataLoader, TensorDataset, setNumThreads, train } from 'zoetrope'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { openOnnx, relativeDifference, runOnnx } from '../helpers/onnx'
import { safetensors } from '../helpers/safetensors'
import type { Backbone, FloatArray, ModelOptions } from 'zoetrope'

setNumThreads(1) // specs run side by side

let folder: string
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zoetrope-backbones-'))
})
test.after.always(async () => rm(folder, { recursive: true, force: true }))

/** With the number of each one's features. */
const BACKBONES: readonly [Backbone, number][] = [
  ['resnet18', 512],
  ['resnet34', 512],
  ['mobilenet_v2', 1280],
  ['mobilenet_v3_small', 576],
]
const OPTIONS = {
  input: { channels: 3, height: 32, width: 40 },
  classes: ['left', 'right'],
  cnn: 'mobilenet_v3_small',
  lstm: { hiddenSize: 4 },
  device: 'cpu',
  seed: 0,
} as const satisfies ModelOptions

const clips = {
  data: Uint8Array.from({ length: 4 * 2 * 3840 }, (_, at) => (at * 37) % 251),
  shape: [4, 2, 3, 32, 40],
}
const targets = Int32Array.of(0, 1, 0, 1)
const create = (changes: object) => async () => CnnLstm.create(untyped<ModelOptions>({ ...OPTIONS, ...changes }))

/** A CNN's tensors by torchvision's names, beside those of a classifier. */
async function torchvisionState(model: CnnLstm): Promise<Map<string, FloatArray>> {
  const state = [...(await model.stateDict())].filter(([name]) => name.startsWith('cnn.'))
  const classifier = { data: new Float32Array(6), shape: [2, 3] }
  return new Map([...state.map(([name, array]) => [name.slice(4), array] as const), ['fc.weight', classifier]])
}

for (const [name, features] of BACKBONES) {
  test(`${name} answers, exports and is summed up`, async (t) => {
    await using model = await CnnLstm.create({ ...OPTIONS, cnn: name, normalize: 'imagenet' })
    t.is(model.config.cnn, name)
    t.is(model.config.globalPool, 'average')
    t.deepEqual(model.config.normalize, { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] })
    t.deepEqual((await model.stateDict()).get('lstm.lstm.weight_ih_l0')?.shape, [16, features])
    t.regex(model.summary({ print: () => {} }), new RegExp(`AdaptiveAvgPool2d\\).*${features}`))
    // Without a training, values grow from block to block. Gates that are all or nothing would multiply each rounding.
    const state = await model.stateDict()
    const weight = state.get('lstm.lstm.weight_ih_l0')!
    await model.loadStateDict(state.set('lstm.lstm.weight_ih_l0', { ...weight, data: weight.data.map((w) => w / 1e4) }))
    const path = join(folder, `${name}.onnx`)
    await model.exportOnnx(path, { inputType: 'uint8' })
    const { data } = await model.logits(clips)
    const { logits } = await runOnnx(await openOnnx(path), clips, Int32Array.of(2, 2, 2, 2))
    t.true(relativeDifference(logits!.data, data) < 1e-5)
  })
}

test('a backbone learns, a frozen one stays, and a file keeps both', async (t) => {
  await using model = await CnnLstm.create(OPTIONS)
  const loader = new DataLoader(new TensorDataset({ inputs: clips, targets }), { batchSize: 4 })
  const optimizer = new Adam(model, { learningRate: 1e-3 })
  const drawn = await model.stateDict()
  await train(model, loader, { optimizer })
  const trained = await model.stateDict()
  t.notDeepEqual(trained.get('cnn.features.1.block.1.fc1.weight'), drawn.get('cnn.features.1.block.1.fc1.weight'))
  await model.freeze('cnn.')
  await train(model, loader, { optimizer })
  const after = await model.stateDict()
  for (const [name, array] of after) {
    const isSame = Buffer.compare(Buffer.from(array.data.buffer), Buffer.from(trained.get(name)!.data.buffer)) === 0
    t.is(isSame, name.startsWith('cnn.'), name)
  }
  const path = join(folder, 'kept.safetensors')
  await model.save(path)
  await using loaded = await CnnLstm.load(path)
  t.deepEqual(loaded.config, model.config)
  t.deepEqual(await loaded.logits(clips), await model.logits(clips))
})

test("weights of torchvision's names load into the CNN alone, when it is created or later", async (t) => {
  await using source = await CnnLstm.create({ ...OPTIONS, seed: 1 })
  const state = await torchvisionState(source)
  const path = join(folder, 'torchvision.safetensors')
  await writeFile(path, safetensors(state))
  const expected = await source.stateDict()
  const holdsIt = async (model: CnnLstm, drawn: Map<string, FloatArray>): Promise<void> => {
    for (const [name, array] of await model.stateDict()) {
      t.deepEqual(array, (name.startsWith('cnn.') ? expected : drawn).get(name), name)
    }
  }
  await using plain = await CnnLstm.create(OPTIONS)
  const drawn = await plain.stateDict()
  await using created = await CnnLstm.create({ ...OPTIONS, weights: path })
  await holdsIt(created, drawn)
  for (const from of [path, state]) {
    await using model = await CnnLstm.create(OPTIONS)
    await failsWith(t, 'ERR_CHECKPOINT', async () => model.loadStateDict(from, { prefix: 'cnn.' })) // the classifier
    t.deepEqual(await model.stateDict(), drawn)
    const result = await model.loadStateDict(from, { prefix: 'cnn.', strict: false })
    t.deepEqual(result, { missing: [], unexpected: ['cnn.fc.weight'], omitted: { missing: 0, unexpected: 0 } })
    await holdsIt(model, drawn)
    const rename = (name: string): string | undefined => (name.startsWith('fc.') ? undefined : name)
    t.is(await model.loadStateDict(from, { prefix: 'cnn.', rename }), undefined)
  }
})

test("the CNN of a model's own file is taken without the rest of it", async (t) => {
  await using source = await CnnLstm.create({ ...OPTIONS, seed: 1, lstm: { hiddenSize: 7 } })
  const path = join(folder, 'own.safetensors')
  await source.save(path)
  await using model = await CnnLstm.create({ ...OPTIONS, weights: path })
  const name = 'cnn.features.0.0.weight'
  t.deepEqual((await model.stateDict()).get(name), (await source.stateDict()).get(name))
})

test('a file that lacks weights of the CNN, or has others, is refused', async (t) => {
  await using source = await CnnLstm.create(OPTIONS)
  const state = await torchvisionState(source)
  state.delete('features.0.0.weight')
  const path = join(folder, 'short.safetensors')
  await writeFile(path, safetensors(state))
  const short = await failsWith(t, 'ERR_CHECKPOINT', create({ weights: path }))
  t.regex(short.message, /lacks 1 of them: cnn\.features\.0\.0\.weight$/)
  state.set('features.0.0.weight', { data: new Float32Array(2), shape: [2] })
  await writeFile(path, safetensors(state))
  await failsWith(t, 'ERR_CHECKPOINT', create({ weights: path }))
  await failsWith(t, 'ERR_CHECKPOINT', create({ weights: join(folder, 'none.safetensors') }))
  await refuses(t, TypeError, /a path for `weights`/, create({ weights: 3 }))
})

test('what a backbone cannot do is told', async (t) => {
  await refuses(t, RangeError, /'resnet18' or .* for `cnn`, received 'resnet50'$/, create({ cnn: 'resnet50' }))
  await refuses(t, RangeError, /a list of blocks for vectors/, create({ input: { features: 3 } }))
  await refuses(
    t,
    RangeError,
    /decoder mirrors them/,
    create({ classes: undefined, head: { kind: 'forecast', horizon: 2 } }),
  )
  await refuses(t, RangeError, /'imagenet' for `normalize`/, create({ normalize: 'cifar' }))
  const grey = { channels: 1, height: 32, width: 32 }
  await refuses(t, RangeError, /do not have 3 channels/, create({ normalize: 'imagenet', input: grey }))
})

test('frames of other channels, and features of every pixel', async (t) => {
  await using model = await CnnLstm.create({
    ...OPTIONS,
    input: { channels: 1, height: 33, width: 65 },
    globalPool: 'none',
  })
  const state = await model.stateDict()
  t.deepEqual(state.get('cnn.features.0.0.weight')?.shape, [16, 1, 3, 3])
  t.deepEqual(state.get('lstm.lstm.weight_ih_l0')?.shape, [16, 576 * 2 * 3])
})
