/** Files as others wrote them, where they lie beside the repository: `shared/data/README.md` there says what they are. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { NpzDataset, checkLeakage, readNpz, readTs, readWav, split } from 'zoetrope'
import { REPOSITORY } from '../../helpers/child'
import { readNpz as readPlainly } from '../../helpers/npz'
import type { ExecutionContext } from 'ava'

const DATA = join(REPOSITORY, '..', 'shared', 'data')

/** Declares the test, or says why it is skipped. */
function withData(path: string, title: string, run: (t: ExecutionContext, path: string) => Promise<void>): void {
  const whole = join(DATA, path)
  if (existsSync(whole)) {
    test.serial(title, async (t) => run(t, whole))
    return
  }
  test.serial(`skipped, ${path} is not beside the repository: ${title}`, (t) => {
    t.log(`put ${path} into shared/data beside the repository`)
    t.pass()
  })
}

const GRID = 'grid-colour4/grid_s1_colour4.npz'
const RADHAR = 'radhar-small/radhar_small.npz'

withData(GRID, 'camera clips: shapes, labels as text, and the bytes of another reader', async (t, path) => {
  const arrays = await readNpz(path)
  t.deepEqual([...arrays.keys()], ['X', 'y', 'labels', 'clip'])
  t.deepEqual(arrays.get('X')!.shape, [1000, 12, 1, 32, 48])
  t.deepEqual(arrays.get('labels')!.data, ['blue', 'green', 'red', 'white'])
  t.is(arrays.get('clip')!.data[0], 'bbaf2n')
  t.true(Buffer.from(arrays.get('X')!.data as Uint8Array).equals(readPlainly(path).get('X')!.data as Uint8Array))
  t.deepEqual(new Set(arrays.get('y')!.toTargets()), new Set([0, 1, 2, 3]))
})

withData(GRID, 'camera clips: a random split has no near-identical clips', async (t, path) => {
  await using dataset = await NpzDataset.open(path, { inputs: 'X', targets: 'y' })
  const parts = await split(dataset, { fractions: { train: 0.8, test: 0.2 } })
  t.deepEqual([parts.train.length, parts.test.length], [800, 200])
  const started = performance.now()
  t.true((await checkLeakage(parts)).isClean)
  t.log(`1,000 clips of [12, 1, 32, 48] in ${Math.round(performance.now() - started)} ms`)
})

// The split is by recording. Nothing is identical; what is found are clips of 'jump' in which somebody stands still:
// neighbours in time (test 236 to 250) look like neighbours in time of another recording (train 990 to 1051).
withData(RADHAR, 'radar clips: nine of 545 test clips look like a training clip', async (t, path) => {
  await using train = await NpzDataset.open(path, { inputs: 'Xtr', targets: 'ytr' })
  await using testing = await NpzDataset.open(path, { inputs: 'Xte', targets: 'yte' })
  t.deepEqual([train.length, testing.length, train.sampleShape.join()], [2479, 545, '20,4,16,16'])
  const started = performance.now()
  const report = await checkLeakage({ train, test: testing }, { allow: true })
  t.log(`3,024 clips of [20, 4, 16, 16], 1.35 million pairs, in ${Math.round(performance.now() - started)} ms`)
  t.is(report.identical.length, 0)
  t.is(report.nearIdentical.length, 9)
  for (const { first, second, distance } of report.nearIdentical) {
    t.is(train.targets[first.index], testing.targets[second.index])
    t.true(distance! > 0.02 && distance! < 0.1)
  }
})

for (const [part, count, longest] of [
  ['TRAIN', 270, 26],
  ['TEST', 370, 29],
] as const) {
  withData(`japanese-vowels/JapaneseVowels_${part}.ts`, `vowels of nine speakers: ${part}`, async (t, path) => {
    const { problemName, classes, channels, samples } = await readTs(path)
    t.deepEqual(
      { problemName, channels, count: samples.length },
      { problemName: 'JapaneseVowels', channels: 12, count },
    )
    t.deepEqual(classes, ['1', '2', '3', '4', '5', '6', '7', '8', '9'])
    const lengths = samples.map(({ input }) => input.shape[0]!)
    t.deepEqual([Math.min(...lengths), Math.max(...lengths)], [7, longest])
    t.true(samples.every(({ input, target, label }) => input.data.every(Number.isFinite) && classes[target] === label))
  })
}

withData('free-spoken-digits/recordings', 'three hundred spoken digits', async (t, path) => {
  const names = readdirSync(path).filter((name) => /_[0-4]\.wav$/.test(name)) //   the official test part
  t.is(names.length, 300)
  for (const name of names) {
    const { sampleRate, channels, frames, bitsPerSample, data } = await readWav(join(path, name))
    t.deepEqual([sampleRate, channels, bitsPerSample], [8000, 1, 16])
    t.true(frames > 0.1 * sampleRate && frames < 2.5 * sampleRate && data.some((value) => value !== 0))
  }
})
