/** A disk that is full while a run writes to it: what is said, and that nothing is lost or half written. */
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { CnnLstm, setNumThreads } from 'zoetrope'
import { REPOSITORY } from '../helpers/child'
import { onSmallDisk, withoutSmallDisks } from '../helpers/small-disk'
import { writeWords } from '../helpers/words'
import type { ExecutionContext } from 'ava'
import type { Ending } from '../helpers/child'

setNumThreads(1) // specs run side by side

const folder = mkdtempSync(join(tmpdir(), 'zoetrope-full-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
const MAIN = join(REPOSITORY, 'dist', 'cli', 'main.js')
const words = writeWords(join(folder, 'words'))
const SMALL = ['--epochs', '3', '--threads', '1', '--hidden-size', '16', '--blocks', '16', '--device', 'cpu']

/** Declares a test that has a small disk, or says why it is skipped. */
function withSmallDisk(
  title: string,
  run: (t: ExecutionContext, disk: { readonly place: string; readonly left: string }) => Promise<void>,
): void {
  if (withoutSmallDisks !== undefined) return test(`skipped, ${withoutSmallDisks}: ${title}`, (t) => t.pass())
  test.serial(title, async (t) => {
    const own = mkdtempSync(join(folder, 'disk-'))
    await run(t, { place: join(own, 'disk'), left: join(own, 'left') })
  })
}

const train = (...args: string[]): string[] => [MAIN, 'train', words, '-q', ...args, ...SMALL]

/** One line on the standard error, which names the file and the reason. */
function tells(t: ExecutionContext, { code, stderr }: Ending, path: string): void {
  t.is(code, 1, stderr)
  t.regex(stderr, /ENOSPC: no space left on device|No space left on device/)
  t.true(stderr.includes(path), stderr)
}

withSmallDisk('the model: it is saved elsewhere, and what was at its place stays', async (t, disk) => {
  const out = join(disk.place, 'model.safetensors')
  const ending = await onSmallDisk(16, disk, train('-o', out, '--no-report'))
  tells(t, ending, out)
  const [, saved] = /\. The model is in (\S+)\n/.exec(ending.stderr) ?? []
  t.teardown(() => rmSync(saved!, { force: true }))
  await using model = await CnnLstm.load(saved!, { device: 'cpu' })
  t.is(model.numClasses, 3)
  t.deepEqual(readdirSync(disk.left), ['model.run.json'])
})

withSmallDisk('the report: the model is there, and no half a page', async (t, disk) => {
  const out = join(folder, 'reported', 'model.safetensors')
  const report = join(disk.place, 'report.html')
  const ending = await onSmallDisk(16, disk, train('-o', out, '--report', report))
  tells(t, ending, report)
  await using model = await CnnLstm.load(out, { device: 'cpu' })
  t.is(model.numClasses, 3)
  t.deepEqual(readdirSync(disk.left), [])
})

withSmallDisk('event files: the best weights so far are kept, and every event is whole', async (t, disk) => {
  const out = join(folder, 'logged', 'model.safetensors')
  const args = train('-o', out, '--no-report', '--logs', disk.place).filter((arg) => arg !== '-q')
  const ending = await onSmallDisk(128, disk, [...args, '--epochs', '100000', '--patience', '100000'])
  tells(t, ending, 'events.out.tfevents.')
  t.regex(ending.stderr, /Failed after \d+ of 100000 epochs: the best weights are in /)
  await using model = await CnnLstm.load(out, { device: 'cpu' })
  t.is(model.numClasses, 3)
  for (const part of readdirSync(disk.left)) {
    for (const name of readdirSync(join(disk.left, part))) {
      const bytes = readFileSync(join(disk.left, part, name))
      let at = 0
      while (at < bytes.length) at += 16 + Number(bytes.readBigUInt64LE(at)) //   length, its sum, the event, its sum
      t.is(at, bytes.length, name)
    }
  }
})

withSmallDisk('the configuration: the run ends before it begins', async (t, disk) => {
  const out = join(disk.place, 'model.safetensors')
  const fill = `require('fs').writeFileSync(${JSON.stringify(join(disk.place, 'fill'))}, Buffer.alloc(16384))`
  const program = `${fill}; process.argv.splice(1, 0, ${JSON.stringify(MAIN)}); require(${JSON.stringify(MAIN)})`
  const [, ...args] = train('-o', out)
  const ending = await onSmallDisk(16, disk, ['-e', program, ...args])
  tells(t, ending, join(disk.place, 'model.run.json'))
  t.deepEqual(readdirSync(disk.left), ['fill'])
})

withSmallDisk('the cache: clips are decoded again, and the disk gets its room back', async (t, disk) => {
  const program = `
    const { FolderDataset } = require('zoetrope')
    const { statfsSync } = require('node:fs')
    const [, clips, directory] = process.argv
    const free = () => statfsSync(directory).bavail
    ;(async () => {
      const dataset = await FolderDataset.open(clips, { print: false, cache: { memory: 0, directory } })
      const epoch = async () => {
        let sum = 0
        for (let index = 0; index < dataset.length; index++) sum += (await dataset.get(index)).input.data.reduce((a, b) => a + b, 0)
        return sum
      }
      const before = free()
      const sums = [await epoch(), await epoch(), await epoch()]
      console.log(JSON.stringify({ before, after: free(), sums }))
      await dataset.close()
    })()`
  const ending = await onSmallDisk(128, disk, ['-e', program, words, disk.place])
  t.is(ending.code, 0, ending.stderr)
  const { before, after, sums } = JSON.parse(ending.stdout) as { before: number; after: number; sums: number[] }
  t.is(after, before)
  t.is(new Set(sums).size, 1)
  t.false(existsSync(join(disk.left, 'zoetrope')))
})
