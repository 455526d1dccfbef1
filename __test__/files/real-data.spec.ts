/** Real clips as folders, where they lie beside the repository: `shared/data/README.md` there says what they are. */
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Adam, CnnLstm, DataLoader, checkLeakage, fit, normalization, split } from 'zoetrope'
import { REPOSITORY } from '../helpers/child'
import { folderOf, openQuietly, png } from '../helpers/clips'
import { readNpz } from '../helpers/npz'
import type { ExecutionContext } from 'ava'

const DATA = join(REPOSITORY, '..', 'shared', 'data')

function withData(path: string, title: string, run: (t: ExecutionContext, path: string) => Promise<void>): void {
  const found = join(DATA, path)
  if (existsSync(found)) return test.serial(title, async (t) => run(t, found))
  test.serial(`skipped, ${path} is not beside the repository: ${title}`, (t) => t.pass())
}

withData(
  'free-spoken-digits/recordings',
  'spoken digits as WAV folders: trained on some speakers, tested on others',
  async (t, path) => {
    const folder = folderOf({})
    for (const name of readdirSync(path)) {
      const [digit = '', , number = ''] = name.split(/[_.]/)
      if (Number(digit) > 2 || Number(number) >= 12) continue
      mkdirSync(join(folder, digit), { recursive: true })
      symlinkSync(join(path, name), join(folder, digit, name))
    }
    await using dataset = await openQuietly(folder)
    t.deepEqual([dataset.length, dataset.classes], [216, ['0', '1', '2']])
    t.is(new Set(dataset.groups).size, 6)
    const parts = await split(dataset, { fractions: { train: 2 / 3, test: 1 / 3 }, by: dataset.groups })
    await checkLeakage(parts, { by: dataset.groups })
    const { input, classes, preprocessing } = dataset
    await using model = await CnnLstm.create({
      input,
      classes,
      preprocessing,
      normalize: await normalization(parts.train),
      cnn: [{ outChannels: 32, kernelSize: 5, norm: 'batch' }],
      lstm: { hiddenSize: 48 },
      pooling: 'mean',
      dropout: 0.2,
      seed: 0,
    })
    const optimizer = new Adam(model, { learningRate: 3e-3 })
    const train = new DataLoader(parts.train, { batchSize: 16, shuffle: true, bucketByLength: true, seed: 0 })
    const validation = new DataLoader(parts.test, { batchSize: 32 })
    const history = await fit(model, { train, validation, epochs: 8, optimizer, progress: false })
    // Of 72 clips and two voices, an epoch's accuracy comes and goes by a tenth: the last four count together.
    const last = history.slice(-4)
    const accuracy = last.reduce((sum, { validation: tested }) => sum + (tested?.accuracy ?? 0), 0) / last.length
    t.log(`accuracy ${accuracy.toFixed(2)} on speakers that it has not heard; chance is .33`)
    t.true(accuracy > 0.55)
    const index = parts.test.indices[0] ?? 0
    const [answer] = await model.predictFile(dataset.source(index).path)
    const { data, shape } = (await dataset.get(index)).input
    t.deepEqual([answer], await model.predict({ data, shape: [1, ...shape] }))
  },
)

withData(
  'grid-colour4/grid_s1_colour4.npz',
  'camera clips written out as PNG folders come back to the bit',
  async (t, path) => {
    const arrays = readNpz(path)
    const [clips, labels] = [arrays.get('X'), arrays.get('y')]
    const [, time = 0, , height = 0, width = 0] = clips?.shape ?? []
    const pixels = clips?.data ?? new Uint8Array()
    const size = height * width
    const files: Record<string, Buffer> = {}
    for (let clip = 0; clip < 12; clip++) {
      for (let frame = 0; frame < time; frame++) {
        const start = (clip * time + frame) * size
        const value = (x: number, y: number): number => Number(pixels[start + y * width + x])
        files[`${Number(labels?.data[clip])}/clip${clip}/${frame}.png`] = png(width, height, 1, value)
      }
    }
    await using dataset = await openQuietly(folderOf(files))
    t.deepEqual(dataset.input, { channels: 1, height, width })
    for (let index = 0; index < dataset.length; index++) {
      const clip = Number(/\d+$/.exec(dataset.source(index).path)?.[0])
      const { input, target } = await dataset.get(index)
      t.is(dataset.classes[Number(target)], `${Number(labels?.data[clip])}`)
      t.deepEqual(
        Array.from(input.data),
        Array.from({ length: time * size }, (_, at) => Number(pixels[clip * time * size + at])),
      )
    }
  },
)
