/** Random models of every option against onnxruntime-node: other batches and times than the export knows of. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { setNumThreads } from 'zoetrope'
import { openOnnx, relativeDifference, runOnnx } from '../../helpers/onnx'
import { randomClips, randomModel } from '../../helpers/random-models'
import { seeded } from '../../helpers/random'
import type { NdArray } from 'zoetrope'
import type { Dice } from '../../helpers/random-models'

setNumThreads(1) // specs run side by side

/** Both sides compute in float32, by other orders of summands. */
const ROUNDING = 2e-5
const MODELS = 80

let folder: string
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zoetrope-onnx-'))
})
test.after.always(async () => rm(folder, { recursive: true, force: true }))

/** A step of the first and one of the last clip become `NaN`, be they valid or not. */
function withMissingSteps({ data, shape }: NdArray, dice: Dice): NdArray {
  const [batch, time] = shape as [number, number]
  const step = data.length / (batch * time)
  const missing = Float32Array.from(data)
  for (const clip of [0, batch - 1]) {
    const at = clip * time + dice(time)
    missing.fill(NaN, at * step, (at + 1) * step)
  }
  return { data: missing, shape }
}

test('a file answers as its model, whatever the options, the batch and the lengths', async (t) => {
  let worst = 0
  for (let number = 0; number < MODELS; number++) {
    await using model = await randomModel(number)
    const path = join(folder, `${number}.onnx`)
    const [plain, bytes] = [`${path}.plain`, `${path}.bytes`]
    await model.exportOnnx(path, { verify: false })
    await model.exportOnnx(plain, { verify: false, lengths: false })
    await model.exportOnnx(bytes, { verify: false, inputType: 'uint8' })
    const name = model.config.head.kind === 'regression' ? 'values' : 'logits'
    const dice = seeded(number + 1000)
    for (const batch of [1, 2, 3, 4, 5]) {
      const time = batch === 3 ? 1 : 1 + dice(9)
      const { clips, lengths } = randomClips(model, dice, { batch, time, bytes: false })
      const at = `model ${number}, [${clips.shape.join(', ')}], lengths ${lengths.join(', ')}, ${JSON.stringify(model.config)}`
      const compare = async (file: string, input: typeof clips, valid: Int32Array | null): Promise<void> => {
        const { [name]: answer } = await runOnnx(await openOnnx(file), input, file === plain ? null : valid)
        const expected = await model.logits(input, valid === null ? {} : { lengths: valid })
        t.deepEqual(answer!.shape, expected.shape, at)
        const difference = relativeDifference(answer!.data, expected.data)
        worst = Math.max(worst, difference)
        t.true(difference < ROUNDING, `${file}: ${difference}; ${at}`)
      }
      await compare(path, clips, lengths)
      if (batch === 4) await compare(path, withMissingSteps(clips, dice), lengths)
      await compare(plain, { ...clips, data: clips.data.map((value) => (Number.isNaN(value) ? 0.5 : value)) }, null)
      const pixels = randomClips(model, dice, { batch, time, bytes: true })
      await compare(bytes, pixels.clips, pixels.lengths)
      const scaled = Float32Array.from(pixels.clips.data, (value) => Math.fround(value / 255))
      await compare(path, { ...pixels.clips, data: scaled }, pixels.lengths)
    }
  }
  t.log(`the largest difference of ${MODELS} models: ${worst.toExponential(1)}`)
})
