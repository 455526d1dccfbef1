/** Reading never keeps the event loop from its turns, however long the file is. */
import test from 'ava'
import { NpyDataset, NpzDataset, readNpy, readNpz, readTs, readWav } from 'zoetrope'
import { chunk, fileOf, npy, riff, wavFormat, zip } from '../../helpers/files'
import { longestTurn } from '../../helpers/longest-turn'

/** The aim is 20 ms. A turn may have a collection of garbage besides; what is done in one piece takes longer by far. */
const BOUND = 50

/** What other programs take from caches and memory can make a turn longer, but not every time. */
const TRIES = 3

const isFast = async (
  title: string,
  t: { log: (text: string) => void; true: (is: boolean, why: string) => unknown },
  work: () => Promise<unknown>,
) => {
  let longest = await longestTurn(work)
  for (let tries = 1; tries < TRIES && longest >= BOUND; tries += 1)
    longest = Math.min(longest, await longestTurn(work))
  t.log(`${title}: ${longest.toFixed(0)} ms`)
  t.true(longest < BOUND, `${title}: ${longest} ms`)
}
const columns = (descr: string, shape: string, bytes: Uint8Array): string =>
  fileOf(npy(descr, [], bytes, { header: `{'descr': '${descr}', 'fortran_order': True, 'shape': ${shape}, }` }))

for (const [descr, size] of [
  ['|b1', 1],
  ['<f2', 2],
  ['>i4', 4],
  ['<f8', 8],
  ['<i8', 8],
  ['>u8', 8],
] as const) {
  test.serial(`an array of ${descr}, and what a model takes of it`, async (t) => {
    const path = fileOf(npy(descr, [2000, 64, 64], new Uint8Array(2000 * 64 * 64 * size).fill(1)))
    await isFast(descr, t, async () => (await readNpy(path)).toNdArray())
    await using dataset = await NpyDataset.open(
      fileOf(npy(descr, [1, 64, 64, 2000], new Uint8Array(2000 * 64 * 64 * size))),
      { targets: [0] },
    )
    await isFast(`one sample of ${descr}`, t, async () => dataset.get(0))
  })
}

test.serial('column-major arrays', async (t) => {
  const values = 2000 * 64 * 64
  for (const [descr, size] of [
    ['|u1', 1],
    ['<f4', 4],
    ['<f8', 8],
  ] as const) {
    const path = columns(descr, '(2000, 64, 64)', new Uint8Array(values * size))
    await isFast(descr, t, async () => readNpy(path))
  }
  await isFast('text', t, async () => readNpy(columns('<U3', '(1000, 200)', new Uint8Array(1000 * 200 * 12).fill(0))))
})

test.serial('archives, stored and deflated', async (t) => {
  const bytes = npy('<f4', [4_000_000, 2], new Uint8Array(32_000_000))
  const targets = { name: 'y.npy', bytes: npy('|u1', [4_000_000], new Uint8Array(4_000_000)) }
  for (const isDeflated of [false, true]) {
    const path = fileOf(zip([{ name: 'X.npy', bytes, isDeflated }, targets]))
    await isFast(`readNpz, deflated ${isDeflated}`, t, async () => readNpz(path))
    await isFast('NpzDataset', t, async () => (await NpzDataset.open(path, { inputs: 'X', targets: 'y' })).close())
  }
  const many = Array.from({ length: 50_000 }, (_, index) => ({ name: `${index}.txt`, bytes: new Uint8Array() }))
  const path = fileOf(zip(many, { isZip64: true }))
  await isFast('50,000 files', t, async () => readNpz(path))
})

for (const [tag, bits] of [
  [1, 8],
  [1, 16],
  [1, 24],
  [1, 32],
  [3, 32],
  [3, 64],
] as const) {
  test.serial(`a recording of ${bits} bits, format ${tag}`, async (t) => {
    const path = fileOf(
      riff([chunk('fmt ', wavFormat(tag, 2, bits)), chunk('data', new Uint8Array((16_000_000 * bits) / 8))]),
    )
    await isFast(`${bits} bits`, t, async () => readWav(path))
  })
}

test.serial('text: long lines, many lines, many labels', async (t) => {
  const header = '@classLabel true a b\n@data\n'
  const long = fileOf(`${header}${'1.25,'.repeat(2_000_000)}1:a\n`)
  await isFast('a line of two million values', t, async () => readTs(long))
  const many = fileOf(`${header}${'1,2:3,4:b\n'.repeat(200_000)}`)
  await isFast('200,000 lines', t, async () => readTs(many))
  const comments = fileOf(`${'#\n'.repeat(1_000_000)}${header}1:a`)
  await isFast('a million comments', t, async () => readTs(comments))
  const labels = Array.from({ length: 100_000 }, (_, index) => `class-${index}`)
  const labelled = fileOf(
    `@classLabel true ${labels.join(' ')}\n@data\n${labels.map((label) => `1:${label}\n`).join('')}`,
  )
  await isFast('100,000 labels', t, async () => readTs(labelled))
})
