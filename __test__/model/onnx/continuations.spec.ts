/** Files of heads whose answer is no row of outputs: forecasts of whole horizons, and strings that a decoder writes. */
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Tensor } from 'onnxruntime-node'
import { CnnLstm, setNumThreads } from 'zoetrope'
import { readOnnxMetadata, softmax, writeStrings } from 'zoetrope/decode'
import { runNode } from '../../helpers/child'
import { failsWith, refuses } from '../../helpers/expect'
import { openOnnx, relativeDifference, runOnnx } from '../../helpers/onnx'
import { randomClips, randomForecaster, randomWriter } from '../../helpers/random-models'
import { seeded } from '../../helpers/random'
import type { AnyCnnLstm, ClipForecast, NdArray, TokenSequence } from 'zoetrope'
import type { OnnxMetadata, WrittenString } from 'zoetrope/decode'
import type { Dice } from '../../helpers/random-models'

setNumThreads(1) // specs run side by side

const FORECASTS = 60
const SEQUENCES = 30
/** Both sides compute in float32, by other orders of summands. */
const ROUNDING = 2e-5

let folder: string
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zoetrope-onnx-'))
})
test.after.always(async () => rm(folder, { recursive: true, force: true }))

/** A step of the first clip becomes `NaN`, be it valid or not. */
function withMissingStep({ data, shape }: NdArray, dice: Dice): NdArray {
  const [batch, time] = shape as [number, number]
  const step = data.length / (batch * time)
  const missing = Float32Array.from(data)
  const at = dice(time)
  return { data: missing.fill(NaN, at * step, (at + 1) * step), shape }
}

function withoutPadding({ data, shape }: NdArray): NdArray {
  return { data: Float32Array.from(data, (value) => (Number.isNaN(value) ? 0.4 : value)), shape }
}

test('a file forecasts as its model, whatever the options, the batch and the lengths', async (t) => {
  let worst = 0
  for (let number = 0; number < FORECASTS; number++) {
    await using model = await randomForecaster(number)
    const forecaster = model as CnnLstm<string, ClipForecast>
    const [path, plain, bytes] = ['', '.plain', '.bytes'].map((end) => join(folder, `forecast-${number}${end}.onnx`)) as [string, string, string] // prettier-ignore
    const { largestDifference, clips: compared } = await model.exportOnnx(path)
    t.is(compared, 11)
    worst = Math.max(worst, largestDifference!)
    await model.exportOnnx(plain, { verify: false, lengths: false })
    await model.exportOnnx(bytes, { verify: false, inputType: 'uint8' })
    const dice = seeded(number + 1000)
    for (const batch of [1, 2, 3, 4]) {
      const time = batch === 3 ? 1 : 1 + dice(9)
      const { clips, lengths } = randomClips(model, dice, { batch, time, bytes: false })
      const isBinary = model.config.head.loss === 'bce' //       takes numbers from 0 to 1, and no missing ones
      if (isBinary) clips.data.forEach((value, index) => (clips.data[index] = Math.min(1, Math.abs(value))))
      const compare = async (file: string, input: NdArray, valid: Int32Array | null): Promise<void> => {
        const { forecast } = await runOnnx(await openOnnx(file), input, valid)
        const expected = await forecaster.forecast(input, valid === null ? {} : { lengths: valid })
        const at = `${file}: [${input.shape.join(', ')}], ${JSON.stringify(model.config)}`
        t.deepEqual(forecast!.shape, expected.shape, at)
        const difference = relativeDifference(forecast!.data, expected.data)
        worst = Math.max(worst, difference)
        t.true(difference < ROUNDING, `${difference}; ${at}`)
      }
      await compare(path, clips, lengths)
      if (!isBinary) await compare(path, withMissingStep(clips, dice), lengths)
      await compare(plain, withoutPadding(clips), null)
      const pixels = randomClips(model, dice, { batch, time, bytes: true })
      await compare(bytes, pixels.clips, pixels.lengths)
    }
  }
  t.log(`the largest difference of ${FORECASTS} models: ${worst.toExponential(1)}`)
})

test('a stride that skips pixels: what a decoder gives by its bias alone is no missing value', async (t) => {
  await using model = await CnnLstm.create({
    input: { channels: 1, height: 7, width: 6 },
    cnn: [{ outChannels: 3, kernelSize: 1, stride: 3, padding: 0, maxPool: null }],
    head: { kind: 'forecast', horizon: 3, mode: 'recursive' },
    lstm: { hiddenSize: 4 },
    device: 'cpu',
    seed: 0,
  })
  const path = join(folder, 'skips.onnx')
  await model.exportOnnx(path)
  const clips = { data: new Float32Array(2 * 42).fill(NaN, 0, 42), shape: [1, 2, 1, 7, 6] }
  const { forecast } = await runOnnx(await openOnnx(path), clips, Int32Array.of(2))
  const { data } = await model.forecast(clips)
  t.true(data.some(Number.isNaN))
  t.false(data.every(Number.isNaN))
  t.is(relativeDifference(forecast!.data, data), 0)
})

/** What the two files write for some clips. */
async function write(path: string, { data, shape }: NdArray, lengths: Int32Array | null): Promise<WrittenString[]> {
  const [encoder, decoder] = await Promise.all([openOnnx(path), openOnnx(path.replace(/\.onnx$/, '.decoder.onnx'))])
  const valid = lengths && { lengths: new Tensor(lengths, [lengths.length]) }
  const memory = await encoder.run({ clips: new Tensor(data, shape), ...valid })
  return writeStrings(decoder, { ...memory, ...valid }, readOnnxMetadata(await readFile(path)), { Tensor })
}

test('two files write the strings of generate, whatever the options, the batch and the lengths', async (t) => {
  let [worst, labels] = [0, 0]
  for (let number = 0; number < SEQUENCES; number++) {
    await using model = await randomWriter(number)
    const writer = model as CnnLstm<string, TokenSequence>
    const [path, plain, bytes] = ['', '.plain', '.bytes'].map((end) => join(folder, `sequence-${number}${end}.onnx`)) as [string, string, string] // prettier-ignore
    const { largestDifference, clips: compared } = await model.exportOnnx(path, { softmax: number % 2 === 0 })
    t.is(compared, 11)
    worst = Math.max(worst, largestDifference!)
    await model.exportOnnx(plain, { lengths: false })
    await model.exportOnnx(bytes, { inputType: 'uint8' })
    const dice = seeded(number + 1000)
    for (const batch of [1, 3, 4]) {
      const time = batch === 3 ? 1 : 1 + dice(9)
      const { clips, lengths } = randomClips(model, dice, { batch, time, bytes: false })
      const compare = async (file: string, input: NdArray, valid: Int32Array | null): Promise<void> => {
        const written = await write(file, input, valid)
        const expected = await writer.generate(input, valid === null ? {} : { lengths: valid })
        const at = `${file}: [${input.shape.join(', ')}], ${JSON.stringify(model.config)}`
        t.is(written.length, batch)
        for (const [clip, { labels: own, text, score }] of written.entries()) {
          t.deepEqual({ labels: [...own], text }, { labels: expected[clip]!.labels, text: expected[clip]!.text }, at)
          labels += own.length
          if (Object.is(score, expected[clip]!.score)) continue
          t.true(Math.abs(score - expected[clip]!.score) < 1e-4 * (1 + Math.abs(score)), `${score}; ${at}`)
        }
      }
      await compare(path, clips, lengths)
      await compare(path, withMissingStep(clips, dice), lengths)
      await compare(plain, withoutPadding(clips), null)
      const pixels = randomClips(model, dice, { batch, time, bytes: true })
      await compare(bytes, pixels.clips, pixels.lengths)
    }
  }
  t.true(labels > 1000, `${labels} labels`)
  t.log(`the largest difference of ${SEQUENCES} models: ${worst.toExponential(1)}; ${labels} labels`)
})

const SEQUENCE = {
  input: { features: 3 },
  classes: ['a', 'b', 'c'],
  lstm: { hiddenSize: 4, bidirectional: true },
  head: { kind: 'sequence', maxLength: 4 },
  device: 'cpu',
  seed: 0,
} as const

test('inputs and outputs of both files, and probabilities', async (t) => {
  await using model = await CnnLstm.create(SEQUENCE)
  const path = join(folder, 'names') //       a path that does not end in .onnx
  await model.exportOnnx(path, { softmax: true })
  const encoder = await openOnnx(path)
  t.deepEqual(
    [encoder.inputNames, encoder.outputNames],
    [
      ['clips', 'lengths'],
      ['hidden', 'cell', 'keys', 'values'],
    ],
  )
  const decoder = await openOnnx(`${path}.decoder.onnx`)
  t.deepEqual([...decoder.inputNames].toSorted(), ['cell', 'hidden', 'keys', 'lengths', 'tokens', 'values'])
  t.deepEqual(decoder.outputNames, ['logits', 'probabilities', 'next_hidden', 'next_cell'])
  const lengths = new Tensor(Int32Array.of(2), [1])
  const memory = await encoder.run({ clips: new Tensor(new Float32Array(9).fill(0.3), [1, 3, 3]), lengths })
  const tokens = new Tensor(Int32Array.of(3), [1])
  const { logits, probabilities } = await decoder.run({ ...memory, lengths, tokens })
  t.true(relativeDifference(softmax(logits!.data as Float32Array), probabilities!.data as Float32Array) < 1e-6)
  for (const file of [path, `${path}.decoder.onnx`]) {
    t.deepEqual(readOnnxMetadata(await readFile(file)).classes, SEQUENCE.classes)
  }

  await using blind = await CnnLstm.create({ ...SEQUENCE, head: { ...SEQUENCE.head, attention: false } })
  await blind.exportOnnx(path)
  t.deepEqual((await openOnnx(path)).outputNames, ['hidden', 'cell'])
  t.deepEqual((await openOnnx(`${path}.decoder.onnx`)).inputNames, ['tokens', 'hidden', 'cell'])
})

test('both files appear, or neither', async (t) => {
  const own = await mkdtemp(join(folder, 'both-'))
  await using model = await CnnLstm.create(SEQUENCE)
  const path = join(own, 'model.onnx')
  const state = await model.stateDict()
  state.get('decoder.lstm.bias_ih_l0')!.data[0] = NaN //   ONNX Runtime's LSTM makes numbers of it
  await model.loadStateDict(state)
  await failsWith(t, 'ERR_CHECKPOINT', async () => model.exportOnnx(path))
  t.deepEqual(await readdir(own), [])
  state.get('decoder.lstm.bias_ih_l0')!.data[0] = 0
  await model.loadStateDict(state)
  await writeFile(path, 'before')
  await model.exportOnnx(path)
  t.deepEqual((await readdir(own)).toSorted(), ['model.decoder.onnx', 'model.onnx'])
})

test('options that do not fit such a head are refused', async (t) => {
  const path = join(folder, 'never.onnx')
  await using writer = await CnnLstm.create(SEQUENCE)
  const head = { kind: 'forecast', horizon: 2 } as const
  await using forecaster = await CnnLstm.create({ input: { features: 3 }, head, device: 'cpu' })
  for (const model of [writer, forecaster] as AnyCnnLstm[]) {
    await refuses(t, RangeError, /false for a .* begins when the clip has ended, for `streaming`/, async () =>
      model.exportOnnx(path, { streaming: true }),
    )
  }
  await refuses(t, RangeError, /false for a forecast/, async () => forecaster.exportOnnx(path, { softmax: true }))
})

test('writeStrings: a shorter most length, and what is refused', async (t) => {
  await using model = await CnnLstm.create(SEQUENCE)
  const path = join(folder, 'shorter.onnx')
  await model.exportOnnx(path, { lengths: false })
  const [encoder, decoder] = await Promise.all([openOnnx(path), openOnnx(join(folder, 'shorter.decoder.onnx'))])
  const clips = { data: new Float32Array(2 * 5 * 3).fill(0.2), shape: [2, 5, 3] }
  const memory = await encoder.run({ clips: new Tensor(clips.data, clips.shape) })
  const metadata = readOnnxMetadata(await readFile(path))
  for (const maxLength of [1, 2]) {
    const written = await writeStrings(decoder, memory, metadata, { Tensor, maxLength })
    const expected = await model.generate(clips, { maxLength })
    t.deepEqual(written.map(({ text }) => text), expected.map(({ text }) => text)) // prettier-ignore
  }
  const other: OnnxMetadata = { ...metadata, classes: ['a', 'b'] }
  await refuses(t, RangeError, /a decoder of 2 classes/, async () => writeStrings(decoder, memory, other, { Tensor }))
  await refuses(t, RangeError, /a `sequence` head/, async () => writeStrings(decoder, memory, { ...metadata, config: {} }, { Tensor })) // prettier-ignore
  await refuses(t, RangeError, /`maxLength`/, async () => writeStrings(decoder, memory, metadata, { Tensor, maxLength: 0 })) // prettier-ignore
})

test('both kinds of files run in WebAssembly, by onnxruntime-web', async (t) => {
  await using writer = await CnnLstm.create(SEQUENCE)
  const head = { kind: 'forecast', horizon: 4, mode: 'recursive' } as const
  await using forecaster = await CnnLstm.create({ input: { features: 3 }, lstm: { hiddenSize: 8 }, head, device: 'cpu', seed: 0 }) // prettier-ignore
  const [strings, steps] = [join(folder, 'web.onnx'), join(folder, 'web-forecast.onnx')]
  await writer.exportOnnx(strings)
  await forecaster.exportOnnx(steps)
  const clips = { data: Float32Array.from({ length: 30 }, (_, index) => Math.sin(index)), shape: [2, 5, 3] }
  const lengths = [5, 3]
  const program = `
    import { readFileSync } from 'node:fs'
    import { InferenceSession, Tensor, env } from 'onnxruntime-web/wasm'
    import { readOnnxMetadata, writeStrings } from 'zoetrope/decode'
    env.wasm.numThreads = 1
    const [strings, steps] = process.argv.slice(-2)
    const open = (file) => InferenceSession.create(new Uint8Array(readFileSync(file)), { executionProviders: ['wasm'] })
    const lengths = new Tensor('int32', Int32Array.from(${JSON.stringify(lengths)}), [2])
    const clips = new Tensor('float32', Float32Array.from(${JSON.stringify([...clips.data])}), ${JSON.stringify(clips.shape)})
    const memory = { ...(await (await open(strings)).run({ clips, lengths })), lengths }
    const decoder = await open(strings.replace('.onnx', '.decoder.onnx'))
    const written = await writeStrings(decoder, memory, readOnnxMetadata(readFileSync(strings)), { Tensor })
    const { forecast } = await (await open(steps)).run({ clips, lengths })
    console.log(JSON.stringify({ written, forecast: [...forecast.data] }))
    process.exit(0)`
  const { code, stdout, stderr } = await runNode(['--input-type=module', '-e', program, strings, steps])
  t.is(code, 0, stderr)
  const { written, forecast } = JSON.parse(stdout) as { written: WrittenString[]; forecast: number[] }
  const expected = await writer.generate(clips, { lengths })
  t.deepEqual(written.map(({ text }) => text), expected.map(({ text }) => text)) // prettier-ignore
  t.true(written.every(({ score }, clip) => Math.abs(score - expected[clip]!.score) < 1e-4))
  const { data } = await forecaster.forecast(clips, { lengths })
  t.true(relativeDifference(Float32Array.from(forecast), data) < 1e-5)
})
