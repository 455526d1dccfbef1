/** Calls or files in a row, with a look at the library's health after each block of them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { LIMITS, brokenTargets, control, runCall } from './calls/run'
import { World } from './calls/world'
import { runFile } from './files/run'
import { writeModels } from './files/models'
import { Meter, Uncaught, endingOf } from './oracle'
import type { Finding, Tools } from './oracle'

const BLOCK = 25

export class Fuzzer {
  readonly #tools: Tools
  readonly #print = console.log // oxlint-disable-line no-console -- summaries and audits print, whatever is asked of them

  private constructor(
    readonly what: Finding['what'],
    readonly seed: number,
    readonly world: World,
    announce: (call: string) => void,
  ) {
    this.#tools = { meter: new Meter(), uncaught: new Uncaught(), announce }
    console.log = () => undefined // oxlint-disable-line no-console
  }

  /** A fuzzer in a folder of its own, which becomes the working directory: paths that a call makes up stay in it. */
  static async open(
    what: Finding['what'],
    seed: number,
    announce: (call: string) => void = () => undefined,
  ): Promise<Fuzzer> {
    const folder = mkdtempSync(join(tmpdir(), 'zoetrope-fuzz-'))
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
    process.chdir(folder)
    const world = new World(folder)
    await writeModels(world)
    await control() //                           the loss that later ones are compared with
    return new Fuzzer(what, seed, world, announce)
  }

  /** Makes one call or reads one file. */
  async step(index: number): Promise<{ findings: Finding[]; isStuck: boolean }> {
    const { what, seed, world } = this
    const run = what === 'calls' ? runCall : runFile
    const { call, problems, isStuck } = await run({ seed, index }, world, this.#tools)
    const findings = problems.map((problem) => ({ what, index, call, problem }))
    if (isStuck || index % BLOCK < BLOCK - 1) return { findings, isStuck }
    const harm = await harmDone()
    if (harm !== undefined) findings.push({ what, index, call: `one of the last ${BLOCK}`, problem: harm })
    return { findings, isStuck: harm === STUCK }
  }

  /** Targets that fail although nothing about their arguments is wrong. */
  async broken(): Promise<string[]> {
    return brokenTargets(this.world)
  }

  close(): void {
    console.log = this.#print // oxlint-disable-line no-console
    this.#tools.meter.close()
    this.#tools.uncaught.close()
  }
}

const STUCK = 'the known training did not settle'

/** What is wrong with the known training, whatever was called before. */
async function harmDone(): Promise<string | undefined> {
  const ending = await endingOf(control, LIMITS.settle)
  if (ending === undefined) return STUCK
  return 'error' in ending
    ? `the known training failed: ${inspect(ending.error)}`
    : (ending.value as string | undefined)
}

/** The findings of `count` calls or files, up to the first that never settles. */
export async function fuzz(what: Finding['what'], seed: number, count: number): Promise<Finding[]> {
  const fuzzer = await Fuzzer.open(what, seed)
  const all: Finding[] = []
  for (let index = 0; index < count; index++) {
    const { findings, isStuck } = await fuzzer.step(index)
    all.push(...findings)
    if (isStuck) break
  }
  fuzzer.close()
  return all
}
