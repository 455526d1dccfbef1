/** Exported files by ONNX's own checker and reference implementation, where a Python has them. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { setNumThreads } from 'zoetrope'
import { REPOSITORY } from '../../helpers/child'
import { randomClips, randomForecaster, randomModel, randomWriter } from '../../helpers/random-models'
import { seeded } from '../../helpers/random'
import type { ClipForecast, CnnLstm } from 'zoetrope'

setNumThreads(1) // specs run side by side

const MODELS = 24
/** Forecasts, and as many token sequences. */
const CONTINUING = 12
const python = process.env['ZOETROPE_PYTHON'] ?? 'python3'
const check = join(REPOSITORY, '__test__', 'model', 'onnx', 'check.py')

let folder: string
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zoetrope-onnx-'))
})
test.after.always(async () => rm(folder, { recursive: true, force: true }))

test('the checker finds shapes that agree, and the reference implementation answers the same', async (t) => {
  if (spawnSync(python, ['-c', 'import onnx.reference']).status !== 0) {
    t.log(`skipped: ${python} has no onnx; set ZOETROPE_PYTHON to one that has`)
    t.pass()
    return
  }
  const cases: object[] = []
  for (let number = 100; number < 100 + MODELS; number++) {
    await using model = await randomModel(number)
    const file = join(folder, `${number}.onnx`)
    await model.exportOnnx(file, { verify: false })
    const { clips, lengths } = randomClips(model, seeded(number), { batch: 3, time: 5, bytes: false })
    // The reference ignores an LSTM's lengths: of two directions it knows clips without padding only.
    const valid = model.config.lstm.bidirectional ? new Int32Array(3).fill(5) : lengths
    clips.data.forEach((value, index) => Number.isNaN(value) && (clips.data[index] = 3))
    const { data, shape } = await model.logits(clips, { lengths: valid })
    cases.push({
      file,
      clips: { data: [...clips.data], shape: clips.shape },
      lengths: { data: [...valid], shape: [3] },
      expected: { data: [...data], shape },
    })
    const variants = [{ lengths: false }, { inputType: 'uint8', softmax: model.config.head.kind !== 'regression' }, { streaming: true }] as const // prettier-ignore
    for (const [index, options] of variants.entries()) {
      const other = `${file}.${index}`
      try {
        await model.exportOnnx(other, { ...options, verify: false })
        cases.push({ file: other })
      } catch (error) {
        t.true('streaming' in options && error instanceof RangeError, String(error))
      }
    }
  }
  for (let number = 0; number < CONTINUING; number++) {
    await using forecaster = await randomForecaster(number)
    const file = join(folder, `forecast-${number}.onnx`)
    await forecaster.exportOnnx(file, { verify: false })
    const { clips } = randomClips(forecaster, seeded(number), { batch: 3, time: 5, bytes: false })
    clips.data.forEach((value, index) => Number.isNaN(value) && (clips.data[index] = 0.3))
    if (forecaster.config.head.loss === 'bce')
      clips.data.forEach((value, index) => (clips.data[index] = Math.min(1, Math.abs(value))))
    const { data, shape } = await (forecaster as CnnLstm<string, ClipForecast>).forecast(clips)
    const lengths = { data: [5, 5, 5], shape: [3] } //      the reference gives the state after the padding
    cases.push({
      file,
      clips: { data: [...clips.data], shape: clips.shape },
      lengths,
      expected: { data: [...data], shape },
    })
    await using writer = await randomWriter(number)
    const strings = join(folder, `sequence-${number}`)
    await writer.exportOnnx(`${strings}.onnx`, { verify: false, softmax: true })
    cases.push({ file: `${strings}.onnx` }, { file: `${strings}.decoder.onnx` })
  }
  const list = join(folder, 'cases.json')
  await writeFile(list, JSON.stringify(cases))
  const { status, stdout, stderr } = spawnSync(python, ['-B', check, list], { encoding: 'utf8' })
  t.is(status, 0, stderr)
  t.log(stdout.trim())
})
