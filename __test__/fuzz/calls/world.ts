/** What hostile calls are made on: small models, data, files and paths that are as they should be. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CnnLstm } from 'zoetrope'
import { wholeFiles } from '../files/whole'
import { ABORT_REASON, UserError, thenable } from '../values'
import type { AnyCnnLstm, NdArray, Sample } from 'zoetrope'
import type { Random } from '../random'

/** Frames of one 4 × 4 pixel channel, three classes. */
export const FRAMES = {
  input: { channels: 1, height: 4, width: 4 },
  numClasses: 3,
  cnn: [{ outChannels: 2 }],
  lstm: { hiddenSize: 4 },
  device: 'cpu',
  seed: 0,
} as const

/** Vectors of three features, two labels for each frame. */
export const VECTORS = {
  input: { features: 3 },
  classes: ['a', 'b'],
  head: { kind: 'multiLabel', per: 'frame' },
  cnn: [{ outChannels: 4, norm: 'batch' }],
  lstm: { hiddenSize: 3, cell: 'gru', bidirectional: true },
  device: 'cpu',
  seed: 0,
} as const

/** Vectors of three features, two numbers. */
export const REGRESSION = {
  input: { features: 3 },
  head: { kind: 'regression', outputs: 2, loss: 'smoothL1' },
  normalize: { mean: [0, 0.5, 1], std: [1, 2, 0.5] },
  projection: 3,
  lstm: { hiddenSize: 3, numLayers: 2, dropout: 0.1 },
  pooling: 'attention',
  device: 'cpu',
  seed: 0,
} as const

const GETS = 200 //    samples that a dataset gives before it throws: whatever its length says, a call comes to an end

export class World {
  readonly folder: string
  #shared: AnyCnnLstm | undefined

  /** @param folder - An empty folder, which everything is written into. */
  constructor(folder: string) {
    this.folder = folder
    mkdirSync(join(folder, 'directory'), { recursive: true })
    for (const [name, bytes] of wholeFiles) writeFileSync(join(folder, name), bytes)
    execFileSync('mkfifo', [join(folder, 'fifo')])
    symlinkSync('loop', join(folder, 'loop'))
    symlinkSync('nowhere', join(folder, 'dangling'))
  }

  /** A model that calls use which should change nothing. */
  async shared(): Promise<AnyCnnLstm> {
    if (this.#shared === undefined || this.#shared.isDisposed) this.#shared = await CnnLstm.create(FRAMES)
    return this.#shared
  }

  async fresh(random: Random): Promise<AnyCnnLstm> {
    const choice = random.below(4)
    if (choice === 0) return CnnLstm.create(VECTORS)
    return choice === 1 ? CnnLstm.create(REGRESSION) : CnnLstm.create(FRAMES)
  }

  file(name: string): string {
    return join(this.folder, name)
  }

  /** A path that no reader should trust. */
  oddPath(random: Random, isWritten = false): unknown {
    const inside = ['', '\0', 'a\0b', 'x'.repeat(300), 'x/'.repeat(3000), '.', 'directory', 'fifo', 'loop', 'dangling']
    const paths = [...inside.map((name) => this.file(name)), '', '\0', '\ud800', 'none', this.file('none/none')]
    const urls = [pathToFileURL(this.file('none')), new URL('https://example.org/x'), new URL('file://host/x')]
    const read = ['/dev/zero', '/dev/null', '/proc/self/mem', '/proc/self/environ', '/dev/fd/0', '/sys/kernel']
    const odd = [new URL('file:///a%2Fb'), new URL('file:///%00'), new URL('data:,x'), Buffer.from('x'), {}, 7, null]
    return random.pick<unknown>([...paths, ...urls, ...odd, ...(isWritten ? [] : read)])
  }
}

export function array(shape: readonly number[], random: Random): NdArray {
  const length = shape.reduce((product, size) => product * size, 1)
  return { data: Float32Array.from({ length }, () => random.below(100) / 100), shape: [...shape] }
}

/** Samples that fit the model, of one or different lengths. */
export function samples({ config }: AnyCnnLstm, random: Random, count = 6): Sample[] {
  const { input, head } = config
  const frame = 'features' in input ? [input.features] : [input.channels, input.height, input.width]
  return Array.from({ length: count }, (_, index) => {
    const time = 1 + (index % 3)
    const values = head.outputs ?? (head.kind === 'multiLabel' ? config.numClasses : 0)
    const shape = [...(head.per === 'frame' ? [time] : []), ...(values > 0 ? [values] : [])]
    const length = shape.reduce((product, size) => product * size, 1)
    const data = Float32Array.from({ length }, () => index % 2)
    const target = shape.length > 0 ? { data, shape } : index % config.numClasses
    return { input: array([time, ...frame], random), target }
  })
}

/** The samples as a dataset of one of the kinds that there are. */
export function source(list: Sample[], random: Random): unknown {
  let gets = 0
  const get = (index: number): Sample => {
    if (gets++ > GETS) throw new UserError('enough samples')
    return list[index % list.length]!
  }
  const { length } = list
  const choices: readonly (() => unknown)[] = [
    () => list,
    () => ({ length, get }),
    () => ({ length, get: async (index: number) => Promise.resolve(get(index)) }),
    () => ({ length, get, lengthOf: (index: number) => list[index % length]!.input.shape[0] }),
    () => new Set(list),
    () => ({ [Symbol.asyncIterator]: () => list[Symbol.iterator]() }),
    () => ({ length, get: async () => Promise.reject(new UserError('get rejects')) }),
    () => ({ length, get: (index: number) => (index < 2 ? get(index) : {}) }),
    () => ({ length, get: (index: number) => thenable((give) => give(get(index))) }),
  ]
  return random.pick(choices)()
}

/** A signal that ends a call which goes on for long. */
export function timedSignal(milliseconds: number): AbortSignal {
  const controller = new AbortController()
  setTimeout(() => controller.abort(ABORT_REASON), milliseconds).unref()
  return controller.signal
}
