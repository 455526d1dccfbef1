/** One hostile call, and what was wrong with it. */
import { CnnLstm, DataLoader, Sgd, setNumThreads, train } from 'zoetrope'
import { mutate } from '../mutate'
import { endingOf, problemOf } from '../oracle'
import { Random } from '../random'
import { data, runtime } from './data'
import { loops, schedules } from './loops'
import { models } from './models'
import { pathTargets } from './paths'
import { scenarios } from './scenarios'

import { FRAMES, samples } from './world'
import type { Tools } from '../oracle'
import type { Limits, Target } from './target'
import type { World } from './world'

/** What a call may take. */
export const LIMITS: Limits = { settle: 10_000, turn: 3000, growth: 1500 }

/** Which call or file: everything about it follows from these two numbers. */
export interface Place {
  readonly seed: number
  readonly index: number
}

/** What a call came to: its description, and each problem that it showed. */
export interface Outcome {
  readonly call: string
  readonly problems: readonly string[]
  /** Whether the call still runs: the process is of no further use. */
  readonly isStuck: boolean
}

const targets: readonly Target[] = [...models, ...loops, ...schedules, ...data, ...runtime]
const all = [...targets, ...pathTargets, ...pathTargets] //    paths are few, and each of them a case of its own

/** Makes call `index` of the seed, and judges how it ends. */
export async function runCall({ seed, index }: Place, world: World, tools: Tools): Promise<Outcome> {
  const random = new Random(seed, index)
  const made = await prepare(random, world)
  let call = made.name
  tools.announce(call)
  tools.meter.take()
  const limits = made.limits ?? LIMITS
  const ending = await endingOf(() => made.run((detail) => tools.announce((call += `: ${detail}`))), limits.settle)
  const problems = await tools.uncaught.take()
  if (ending === undefined) problems.push(`did not settle in ${limits.settle / 1000} s`)
  else if ('error' in ending) problems.push(...[problemOf(ending.error)].filter((problem) => problem !== undefined))
  const { turn, growth } = tools.meter.take()
  if (turn > limits.turn) problems.push(`blocked the event loop for ${(turn / 1000).toFixed(1)} s`)
  if (growth > limits.growth) problems.push(`took ${growth.toFixed(0)} MiB of memory`)
  return { call, problems, isStuck: ending === undefined }
}

async function prepare(
  random: Random,
  world: World,
): Promise<{ name: string; run: (note: (detail: string) => void) => unknown; limits?: Limits | undefined }> {
  if (random.chance(0.12)) {
    const scenario = random.pick(scenarios)
    return { name: scenario.name, run: async (note) => scenario.run(random, world, note) }
  }
  const target = random.pick(all)
  const args = await target.args(world, random)
  const changes = pathTargets.includes(target) && random.chance(0.5) ? `path ${safe(args[0])}` : mutate(args, random)
  return {
    name: `${target.name}: ${changes}`,
    run: async () => target.call(args, world, random),
    limits: target.limits,
  }
}

function safe(value: unknown): string {
  try {
    return String(value).slice(0, 100)
  } catch {
    return typeof value
  }
}

let expected: number | undefined

/** A small training, which gives the same loss as the first time whatever was called in between. */
export async function control(): Promise<string | undefined> {
  setNumThreads(1)
  const model = await CnnLstm.create(FRAMES)
  const loader = new DataLoader(samples(model, new Random(0, 0)), { batchSize: 2, shuffle: true, seed: 3 })
  const { loss } = await train(model, loader, { optimizer: new Sgd(model, { learningRate: 0.1 }) })
  await model.dispose()
  expected ??= loss
  return loss === expected ? undefined : `the known training came to a loss of ${loss} instead of ${expected}`
}

/** Targets that never work with their own arguments: a fuzzer whose calls all fail at the door finds nothing. */
export async function brokenTargets(world: World): Promise<string[]> {
  const broken: string[] = []
  for (const target of targets) {
    const problems = new Set<string>()
    for (let index = 0; index < ATTEMPTS && !problems.has(''); index++)
      problems.add(await problemWith(target, new Random(2, index), world))
    if (!problems.has('')) broken.push(`${target.name}: ${[...problems].join('; ')}`)
  }
  return broken
}

const ATTEMPTS = 12 //    some of the datasets are hostile by themselves

async function problemWith(target: Target, random: Random, world: World): Promise<string> {
  try {
    await target.call(await target.args(world, random), world, random)
    return ''
  } catch (error) {
    return String(error)
  }
}
