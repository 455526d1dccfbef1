import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Adam, fit } from 'zoetrope'
import { REPOSITORY } from '../helpers/child'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { internal } from '../helpers/internals'
import { movingDotLoader, toyModel } from '../helpers/toy'
import type { ExecutionContext } from 'ava'
import type { EpochRecord, LogOptions } from 'zoetrope'
import type * as Record from '../../dist/logs/record'

const { crc32c, record } = internal('logs/record') as typeof Record
const folder = mkdtempSync(join(tmpdir(), 'zoetrope-logs-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

/** What `read_events.py` prints. */
interface Events {
  readonly scalars: { readonly [tag: string]: readonly (readonly [step: number, value: number])[] }
  readonly images: { readonly [tag: string]: readonly (readonly [step: number, width: number, height: number])[] }
  readonly histograms: { readonly [tag: string]: readonly (readonly [step: number, count: number, sum: number])[] }
}

/** A Python that has tensorboard: `ZOETROPE_PYTHON`, or `python3`. */
const PYTHON = process.env.ZOETROPE_PYTHON ?? 'python3'
const probe = spawnSync(PYTHON, ['-c', 'import tensorboard'])
const hasTensorBoard = probe.status === 0

function withTensorBoard(
  title: string,
  run: (t: ExecutionContext, read: (directory: string) => Events) => Promise<void>,
): void {
  if (hasTensorBoard) {
    test(title, async (t) => run(t, readEvents))
    return
  }
  test(`skipped, ${PYTHON} has no tensorboard: ${title}`, (t) => {
    t.log('pip install tensorboard, and ZOETROPE_PYTHON=the python that has it')
    t.pass()
  })
}

function readEvents(directory: string): Events {
  const script = join(REPOSITORY, '__test__', 'logs', 'read_events.py')
  const { stdout, stderr, status } = spawnSync(PYTHON, [script, directory], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Events
}

async function runFit(logs: string | LogOptions, epochs = 2): Promise<EpochRecord[]> {
  await using model = await toyModel()
  return await fit(model, {
    train: movingDotLoader(64, { shuffle: true }),
    validation: movingDotLoader(16, {}, 3),
    epochs,
    optimizer: new Adam(model, { learningRate: 1e-2 }),
    reportEvery: 2,
    progress: false,
    logs,
  })
}

/** The check value of CRC-32C: RFC 3720, appendix B.4, and the catalogue of parametrised CRC algorithms. */
test('checksums are CRC-32C', (t) => {
  t.is(crc32c(Buffer.from('123456789')), 0xe3069283)
  t.is(crc32c(Buffer.alloc(32)), 0x8a9136aa)
  const bytes = record(Buffer.from('abc'))
  t.is(bytes.length, 3 + 16)
})

test('a run without TensorBoard’s Python writes files that begin as event files do', async (t) => {
  const directory = join(folder, 'plain')
  await runFit(directory, 1)
  for (const part of ['train', 'validation']) {
    const [name] = readdirSync(join(directory, part))
    t.regex(name!, /^events\.out\.tfevents\.\d+\./)
    t.true(readFileSync(join(directory, part, name!)).includes('brain.Event:2'))
  }
})

withTensorBoard('TensorBoard reads figures, weights and clips as they were', async (t, read) => {
  const directory = join(folder, 'read')
  const history = await runFit({ directory, histograms: true, clips: 3 })
  const [train, validation] = [read(join(directory, 'train')), read(join(directory, 'validation'))]
  const near = (got: readonly (readonly [number, number])[] | undefined, expected: [number, number][]): void => {
    t.deepEqual(
      got?.map(([step]) => step),
      expected.map(([step]) => step),
    )
    for (const [at, [, value]] of expected.entries()) t.true(Math.abs(got![at]![1] - value) < 1e-6)
  }
  near(
    train.scalars['epoch/loss'],
    history.map((epoch) => [epoch.epoch * 4, epoch.train.loss]),
  )
  near(
    validation.scalars['epoch/loss'],
    history.map((epoch) => [epoch.epoch * 4, epoch.validation!.loss]),
  )
  near(
    validation.scalars['epoch/accuracy'],
    history.map((epoch) => [epoch.epoch * 4, epoch.validation!.accuracy]),
  )
  near(
    train.scalars['step/learning rate'],
    [1, 2, 4, 5, 6, 8].map((step) => [step, 1e-2]),
  )
  t.true(train.scalars['step/gradient norm']!.every(([, norm]) => norm > 0))
  t.deepEqual(
    train.histograms['weights/cnn.conv1.weight']!.map(([step, count]) => [step, count]),
    [
      [4, 36],
      [8, 36],
    ],
  )
  t.is(Object.keys(validation.images).length, 3)
  t.deepEqual(validation.images['clips/0']![0], [0, 6 * 9 - 1, 8])
})

withTensorBoard(
  'a run that is taken up again goes on, and clears what an aborted one wrote beyond',
  async (t, read) => {
    const directory = join(folder, 'resumed')
    await using model = await toyModel()
    const optimizer = new Adam(model)
    const stop = new AbortController()
    const options = {
      train: movingDotLoader(64),
      epochs: 4,
      optimizer,
      reportEvery: 1,
      progress: false,
      logs: directory,
    }
    const history: EpochRecord[] = []
    await fit(model, {
      ...options,
      signal: stop.signal,
      onEpoch: (epoch) => history.push(epoch),
      onBatch: ({ step }) => {
        if (history.length === 2 && step === 3) stop.abort()
      },
    }).catch(() => undefined)
    await fit(model, { ...options, initialEpoch: 2 })
    const { scalars } = read(join(directory, 'train'))
    t.deepEqual(
      scalars['step/loss']!.map(([step]) => step),
      Array.from({ length: 16 }, (_, index) => index + 1),
    )
    t.deepEqual(
      scalars['epoch/number']!.map(([step, epoch]) => `${step}:${epoch}`),
      ['4:1', '8:2', '12:3', '16:4'],
    )
  },
)

test('a folder that cannot be made is ERR_DATA with its path, and the run is not begun', async (t) => {
  const file = join(folder, 'file')
  writeFileSync(file, '')
  const error = await failsWith(t, 'ERR_DATA', async () => runFit(join(file, 'runs')))
  t.regex(String(error.details.path), /events\.out\.tfevents/)
})

test('wrong options are told at once', async (t) => {
  await refuses(t, TypeError, /a path for `logs.directory`/, async () => runFit(untyped({ histograms: true })))
  await refuses(t, RangeError, /`logs.clips`/, async () => runFit({ directory: folder, clips: -1 }))
  await refuses(t, TypeError, /Unknown option `logs.histogram`/, async () =>
    runFit(untyped({ directory: 'x', histogram: true })),
  )
  t.false(existsSync('x'))
})
