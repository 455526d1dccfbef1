/** One damaged file, read by everything that reads its kind. */
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { CnnLstm, NpyDataset, NpzDataset, ZoetropeError, readNpy, readNpz, readTs, readWav } from 'zoetrope'
import { endingOf, problemOf } from '../oracle'
import { Random } from '../random'
import { damage } from './damage'
import { wholeFiles } from './whole'
import type { AnyCnnLstm, NpyArray, StreamedDataset } from 'zoetrope'
import type { Outcome, Place } from '../calls/run'
import type { World } from '../calls/world'
import type { Tools } from '../oracle'

/** What reading may take: memory in MiB besides 64 times the file's length. */
const LIMITS = { settle: 10_000, slow: 5000, turn: 2000, growth: 300, factor: 64 }
const MEMORY_LIMIT = 2 ** 26
const SPARSE = 600 * 2 ** 20

const WEIGHTS = ['model.safetensors', 'vectors.safetensors', 'regression.safetensors', 'state.safetensors']
const NAMES = [...wholeFiles.map(([name]) => name), ...WEIGHTS, ...WEIGHTS, ...WEIGHTS]

type Read = (path: string, world: World) => Promise<unknown>

/** Uses an array in the ways that there are; these may refuse what it holds. */
function convert(array: NpyArray): void {
  for (const conversion of [() => array.toNdArray(), () => array.toTargets()]) {
    try {
      conversion()
    } catch (error) {
      if (!(error instanceof ZoetropeError && error.code === 'ERR_DATA')) throw error
    }
  }
}

async function useDataset(dataset: StreamedDataset): Promise<void> {
  try {
    for (const index of [0, dataset.length - 1]) if (index >= 0) await dataset.get(index)
  } finally {
    await dataset.close()
  }
}

const shapeErrors = async (opening: Promise<StreamedDataset>): Promise<void> => {
  try {
    await useDataset(await opening)
  } catch (error) {
    //                                           more or fewer targets than clips, which is said in another code
    if (!(error instanceof ZoetropeError && error.code === 'ERR_SHAPE_MISMATCH')) throw error
  }
}

/** A model that loads must answer. */
async function load(path: string): Promise<void> {
  const model: AnyCnnLstm = await CnnLstm.load(path, { device: 'cpu' })
  const { input } = model.config
  const frame = 'features' in input ? [input.features] : [input.channels, input.height, input.width]
  const length = frame.reduce((product, size) => product * size, 1)
  if (length <= 2 ** 20) await model.logits({ data: new Float32Array(length), shape: [1, 1, ...frame] })
  await model.dispose()
}

async function loadState(path: string, world: World): Promise<void> {
  const model = await world.shared()
  const before = await model.stateDict()
  try {
    await model.loadStateDict(path)
  } catch (error) {
    const after = await model.stateDict()
    for (const [name, { data }] of before) {
      const same = Buffer.compare(Buffer.from(data.buffer), Buffer.from(after.get(name)!.data.buffer)) === 0
      if (!same) throw new Error(`${name} was changed by a refused file`, { cause: error })
    }
    throw error
  } finally {
    await model.loadStateDict(before)
  }
}

const READERS: Readonly<Record<string, readonly (readonly [string, Read])[]>> = {
  npy: [
    ['readNpy', async (path) => convert(await readNpy(path))],
    ['NpyDataset.open', async (path) => shapeErrors(NpyDataset.open(path, { targets: [0, 1, 1, 0] }))],
    [
      'NpyDataset.open, targets',
      async (path, world) => shapeErrors(NpyDataset.open(world.file('clips.npy'), { targets: path })),
    ],
  ],
  npz: [
    ['readNpz', async (path) => (await readNpz(path, { memoryLimit: MEMORY_LIMIT })).forEach(convert)],
    [
      'NpzDataset.open',
      async (path) => shapeErrors(NpzDataset.open(path, { inputs: 'x', targets: 'y', memoryLimit: MEMORY_LIMIT })),
    ],
  ],
  ts: [
    ['readTs', async (path) => readTs(path)],
    ['readTs as frames', async (path) => readTs(path, { as: 'frames', missing: 0 })],
  ],
  wav: [['readWav', async (path) => readWav(path)]],
  safetensors: [
    ['CnnLstm.load', load],
    ['loadStateDict', loadState],
  ],
}

/** Damages a file, and judges how each reader of its kind takes it. */
export async function runFile({ seed, index }: Place, world: World, tools: Tools): Promise<Outcome> {
  const random = new Random(seed, index)
  const name = random.pick(NAMES)
  const labels: string[] = []
  let bytes: Buffer = readFileSync(world.file(name))
  const other = readFileSync(world.file(random.pick(NAMES)))
  for (let pieces = random.chance(0.75) ? 1 : 1 + random.below(3); pieces > 0; pieces--) {
    const [label, damaged] = attempt(name, bytes, random, other)
    labels.push(label)
    bytes = damaged
  }
  const kind = random.chance(0.03) ? random.pick(Object.keys(READERS)) : name.split('.').at(-1)!
  const path = world.file(`damaged.${kind}`)
  writeFileSync(path, bytes)
  if (random.chance(0.004)) {
    truncateSync(path, SPARSE) //                sparse: it takes no room, but is too long for one string
    labels.push('a tail of zeros')
  }
  const call = `${name}: ${labels.join('; ')}`
  const problems: string[] = []
  for (const [reader, read] of READERS[kind]!) {
    tools.announce(`${reader} of ${call}`)
    const found = await judge(path, async () => read(path, world), tools)
    problems.push(...found.problems.map((problem) => `${reader}: ${problem}`))
    if (found.isStuck) return { call, problems, isStuck: true }
  }
  return { call, problems, isStuck: false }
}

/** A second piece of damage may find no header any more. */
function attempt(name: string, bytes: Buffer, random: Random, other: Buffer): readonly [string, Buffer] {
  try {
    return damage(name, bytes, random, other)
  } catch {
    return ['as it was', bytes]
  }
}

async function judge(path: string, read: () => Promise<unknown>, { meter, uncaught }: Tools) {
  meter.take()
  const started = performance.now()
  const ending = await endingOf(read, LIMITS.settle)
  const seconds = (performance.now() - started) / 1000
  const { turn, growth } = meter.take()
  const problems = await uncaught.take()
  const { size } = statSync(path)
  const allowed = LIMITS.growth + ((size >= SPARSE ? 1 : LIMITS.factor) * size) / 2 ** 20
  if (ending === undefined) problems.push(`did not settle in ${LIMITS.settle / 1000} s`)
  else if (seconds * 1000 > LIMITS.slow) problems.push(`took ${seconds.toFixed(1)} s`)
  if (turn > LIMITS.turn) problems.push(`blocked the event loop for ${(turn / 1000).toFixed(1)} s`)
  if (growth > allowed) problems.push(`took ${growth.toFixed(0)} MiB of memory`)
  if (ending !== undefined && 'error' in ending) problems.push(...refusalProblems(ending.error, path))
  return { problems, isStuck: ending === undefined }
}

function refusalProblems(error: unknown, path: string): string[] {
  const problem = problemOf(error)
  if (problem !== undefined) return [problem]
  if (!(error instanceof ZoetropeError)) return [`${String(error)} instead of ERR_DATA or ERR_CHECKPOINT`]
  const { code, message, details } = error
  if (code !== 'ERR_DATA' && code !== 'ERR_CHECKPOINT')
    return [`${code} instead of ERR_DATA or ERR_CHECKPOINT: ${message}`]
  return details.path === path || message.includes(path) ? [] : [`does not name the file: ${message}`]
}
