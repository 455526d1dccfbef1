/** A tiny training whose loss is known, and a model that is saved and loaded again. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failed, ok } from './check'
import { TensorDataset } from '../data/dataset'
import { DataLoader } from '../data/data-loader'
import { ZoetropeError } from '../errors'
import { CnnLstm } from '../model/cnn-lstm'
import { Adam } from '../optimizer/adam'
import { train } from '../training/train'
import type { Check } from './check'

/** The mean loss of the epoch below, by `npx zoetrope doctor` with the baseline, AVX2 and AVX-512 kernels. */
const LOSS = 1.103497
const TOLERANCE = 1e-5

const name = 'self-test'
const remedy = 'please report it with what this command prints'

export async function selfTest(): Promise<Check> {
  try {
    return await trainTiny()
  } catch (error) {
    const isOurs = error instanceof ZoetropeError
    const found = error instanceof Error ? error.message : String(error)
    return failed(
      name,
      found,
      isOurs ? remedy : 'make the folder for temporary files writable, or set TMPDIR to another',
    )
  }
}

async function trainTiny(): Promise<Check> {
  const folder = await mkdtemp(join(tmpdir(), 'zoetrope-doctor-'))
  const began = performance.now()
  try {
    await using model = await tinyModel()
    const { inputs, targets } = tinyClips()
    const loader = new DataLoader(new TensorDataset({ inputs, targets }), { batchSize: 6 })
    const { loss } = await train(model, loader, { optimizer: new Adam(model), progress: false })
    if (!(Math.abs(loss - LOSS) < TOLERANCE)) {
      return failed(name, `a training whose loss is ${LOSS} had ${loss}`, `this processor computes wrongly: ${remedy}`)
    }
    const path = join(folder, 'model.safetensors')
    await model.save(path)
    await using again = await CnnLstm.load(path, { device: 'cpu' })
    const [before, after] = [await model.logits(inputs), await again.logits(inputs)]
    const isSame = before.data.every((value, index) => value === after.data[index])
    if (!isSame) return failed(name, 'a model that was saved and loaded answers otherwise', remedy)
    return ok(name, `trained, saved and loaded in ${Math.round(performance.now() - began)} ms; loss ${loss.toFixed(6)}`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function tinyModel(): Promise<CnnLstm> {
  return CnnLstm.create({
    input: { channels: 1, height: 8, width: 8 },
    numClasses: 3,
    cnn: [{ outChannels: 8 }, { outChannels: 16 }],
    lstm: { hiddenSize: 16 },
    device: 'cpu',
    seed: 0,
  })
}

/** 12 clips of 4 frames, by a formula: the same numbers everywhere. */
function tinyClips(): { inputs: { data: Float32Array; shape: number[] }; targets: number[] } {
  const shape = [12, 4, 1, 8, 8]
  const data = Float32Array.from({ length: 12 * 4 * 64 }, (_, index) => ((index * 7919) % 251) / 251)
  return { inputs: { data, shape }, targets: Array.from({ length: 12 }, (_, clip) => clip % 3) }
}
