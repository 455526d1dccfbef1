/** Paths that lead to something else than a file, and files that change while they are read. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, symlinkSync, truncateSync } from 'node:fs'
import { createServer } from 'node:net'
import test from 'ava'
import { NpyDataset, NpzDataset, readNpy, readNpz, readTs, readWav } from 'zoetrope'
import { fileOf, npy, refusesFile } from '../../helpers/files'

const readers: [string, (path: string) => Promise<unknown>][] = [
  ['readNpy', readNpy],
  ['readNpz', async (path) => readNpz(path)],
  ['readTs', async (path) => readTs(path)],
  ['readWav', readWav],
  ['NpyDataset.open', async (path) => NpyDataset.open(path, { targets: [0] })],
  ['NpyDataset.open for targets', async (path) => NpyDataset.open(fileOf(''), { targets: path })],
  ['NpzDataset.open', async (path) => NpzDataset.open(path, { inputs: 'X', targets: 'y' })],
]
const free = (): string => `${fileOf('')}-other`

for (const [name, read] of readers) {
  test(`${name} reads regular files only, and never waits for anything else`, async (t) => {
    const [pipe, socket, loop, folder] = [free(), free(), free(), free()]
    execFileSync('mkfifo', [pipe])
    symlinkSync(loop, loop)
    mkdirSync(folder)
    const server = createServer().listen(socket)
    await new Promise((listening) => server.once('listening', listening))
    const refused: [string, RegExp][] = [
      [pipe, /received a pipe, and only regular files are read$/],
      [socket, /received a socket/],
      ['/dev/zero', /received a device/],
      [folder, /received EISDIR: a folder$/],
      [free(), /received ENOENT: no such file or directory/],
      [`${fileOf('')}/X`, /received ENOTDIR: /],
      [loop, /received ELOOP: /],
      [`/${'x'.repeat(5000)}`, /received ENAMETOOLONG: /],
    ]
    for (const [path, message] of refused) await refusesFile(t, path, () => read(path), { message })
    server.close()
  })
}

test('a file that grows has the samples that it had; one that shrinks is refused', async (t) => {
  const path = fileOf(npy('|u1', [4, 1, 1, 2], Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)))
  await using dataset = await NpyDataset.open(path, { targets: [0, 1, 2, 3] })
  appendFileSync(path, 'more')
  t.deepEqual((await dataset.get(3)).input.data, Uint8Array.of(7, 8))
  truncateSync(path, 128 + 7)
  await refusesFile(t, path, async () => dataset.get(3), { offset: 128 + 6, message: /2 bytes .* received 1$/ })
})

test('a line without an end is refused with its number, not read into memory', async (t) => {
  const path = fileOf('@problemName x\n', '.ts')
  truncateSync(path, 6e8) //                                       zeros that take no room on the disk
  await refusesFile(t, path, async () => readTs(path), { line: 2, message: /at most 268435456 bytes in line 2 / })
  const short = fileOf('@problemName x\n', '.ts')
  truncateSync(short, 1e7)
  await refusesFile(t, short, async () => readTs(short), { line: 2, message: /at most 2097152 bytes before @data/ })
})
