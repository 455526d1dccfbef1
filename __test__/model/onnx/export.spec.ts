/** `exportOnnx()`: the file, the proof, and what is refused. */
import { chmod, lstat, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { CnnLstm, setNumThreads } from 'zoetrope'
import { readOnnxMetadata, softmax } from 'zoetrope/decode'
import { REPOSITORY, runNode } from '../../helpers/child'
import { failsWith, refuses, untyped } from '../../helpers/expect'
import { openOnnx, relativeDifference, runOnnx } from '../../helpers/onnx'
import { randomClips, randomModel } from '../../helpers/random-models'
import { seeded } from '../../helpers/random'
import type { OnnxOptions } from 'zoetrope'

setNumThreads(1) // specs run side by side

let folder: string
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zoetrope-onnx-'))
})
test.after.always(async () => rm(folder, { recursive: true, force: true }))

const FRAMES = {
  input: { channels: 3, height: 8, width: 8 },
  classes: ['left', 'right', 'up'],
  cnn: [{ outChannels: 4, norm: 'batch' }, { outChannels: 6 }],
  lstm: { hiddenSize: 7, bidirectional: true },
  device: 'cpu',
  seed: 0,
} as const
const VECTORS = { input: { features: 3 }, numClasses: 2, lstm: { hiddenSize: 4 }, device: 'cpu', seed: 0 } as const

test('a file is compared with the model, on random clips and on those of the caller', async (t) => {
  await using model = await CnnLstm.create(FRAMES)
  const path = join(folder, 'proved.onnx')
  const { largestDifference, clips } = await model.exportOnnx(path)
  t.is(clips, 11)
  t.true(largestDifference! < 1e-6)
  const probe = { data: new Float32Array(2 * 3 * 192).fill(0.25), shape: [2, 3, 3, 8, 8] }
  t.is((await model.exportOnnx(path, { probe, probeLengths: [3, 1] })).clips, 13)
  t.deepEqual(await model.exportOnnx(path, { verify: false }), { largestDifference: undefined, clips: 0 })
})

test('probabilities are those of predict, zero in the padding', async (t) => {
  for (const head of ['classification', 'multiLabel'] as const) {
    for (const per of ['clip', 'frame'] as const) {
      await using model = await CnnLstm.create({ ...VECTORS, numClasses: 3, head: { kind: head, per } })
      const path = join(folder, `${head}-${per}.onnx`)
      await model.exportOnnx(path, { softmax: true })
      const { clips, lengths } = randomClips(model, seeded(5), { batch: 3, time: 4, bytes: false })
      const answers = await runOnnx(await openOnnx(path), clips, lengths)
      t.deepEqual(Object.keys(answers).toSorted(), ['logits', 'probabilities'])
      const predicted = await model.predict(clips, { lengths })
      const expected = predicted.map((answer) => (Array.isArray(answer) ? answer : [answer]) as { probabilities: Float32Array }[]) // prettier-ignore
      const rows = per === 'clip' ? 1 : 4
      const padded = expected.flatMap((clip) =>
        Array.from({ length: rows }, (_, row) => [...(clip[row]?.probabilities ?? [0, 0, 0])]),
      )
      t.true(relativeDifference(answers['probabilities']!.data, Float32Array.from(padded.flat())) < 1e-5)
    }
  }
})

test('metadata: classes, configuration, what goes in, version', async (t) => {
  await using model = await CnnLstm.create(FRAMES)
  const path = join(folder, 'metadata.onnx')
  await model.exportOnnx(path, { inputType: 'uint8', verify: false })
  const { classes, config, input, version } = readOnnxMetadata(await readFile(path))
  t.deepEqual(classes, FRAMES.classes)
  t.deepEqual(config, { ...model.config } as object)
  t.deepEqual(
    { ...input, values: '' },
    { axes: 'batch, time, channels, height, width', sizes: [3, 8, 8], type: 'uint8', values: '', lengths: true, streaming: false }, // prettier-ignore
  )
  t.is(version, untyped<{ version: string }>(require('zoetrope/package.json')).version)
  const session = await openOnnx(path)
  t.deepEqual(session.inputNames, ['clips', 'lengths'])
  t.deepEqual(session.outputNames, ['logits'])
})

test('the file appears whole or not at all: a link stays, a mode stays, a refusal leaves what was there', async (t) => {
  const own = await mkdtemp(join(folder, 'whole-'))
  await using model = await CnnLstm.create(VECTORS)
  const [path, link] = [join(own, 'model.onnx'), join(own, 'link.onnx')]
  await writeFile(path, 'before')
  await chmod(path, 0o640)
  await symlink(path, link)
  await model.exportOnnx(link)
  t.true((await lstat(link)).isSymbolicLink())
  t.is((await stat(path)).mode & 0o777, 0o640)
  const written = await readFile(path)
  t.true(written.length > 1000)

  const state = await model.stateDict()
  state.get('fc.bias')!.data[0] = NaN //       runtimes and the model agree on NaN at the end
  await model.loadStateDict(state)
  t.true((await model.exportOnnx(path)).largestDifference! < 1e-6)
  state.get('lstm.lstm.bias_ih_l0')!.data[0] = NaN // but ONNX Runtime's LSTM makes numbers of it
  state.get('fc.bias')!.data[0] = 0
  await model.loadStateDict(state)
  const before = await readFile(path)
  const error = await failsWith(t, 'ERR_CHECKPOINT', async () => model.exportOnnx(path))
  t.regex(error.message, /gives numbers where the model gives none/)
  t.is(error.details['path'], path)
  t.deepEqual(await readFile(path), before)
  t.deepEqual((await readdir(own)).toSorted(), ['link.onnx', 'model.onnx'])
})

test('a path that cannot be written is ERR_CHECKPOINT', async (t) => {
  await using model = await CnnLstm.create(VECTORS)
  for (const path of [folder, join(folder, 'no', 'folder.onnx'), '/dev/null']) {
    const error = await failsWith(t, 'ERR_CHECKPOINT', async () => model.exportOnnx(path))
    t.regex(error.message, /^Cannot export to /)
  }
  await model.dispose()
  await failsWith(t, 'ERR_DISPOSED', async () => model.exportOnnx(join(folder, 'disposed.onnx')))
})

test('the weights of the call are those in the file, however training goes on', async (t) => {
  await using model = await CnnLstm.create(VECTORS)
  const state = await model.stateDict()
  const exported = model.exportOnnx(join(folder, 'then.onnx'))
  for (const { data } of state.values()) data.fill(0.3)
  await model.loadStateDict(state)
  t.true((await exported).largestDifference! < 1e-6)
})

test('an abort ends the call and leaves nothing', async (t) => {
  const own = await mkdtemp(join(folder, 'aborted-'))
  await using model = await CnnLstm.create(VECTORS)
  const reason = new Error('enough')
  await t.throwsAsync(async () => model.exportOnnx(join(own, 'a.onnx'), { signal: AbortSignal.abort(reason) }), { is: reason }) // prettier-ignore
  const controller = new AbortController()
  const running = model.exportOnnx(join(own, 'b.onnx'), { signal: controller.signal })
  controller.abort(reason)
  await t.throwsAsync(running, { is: reason })
  t.deepEqual(await readdir(own), [])
})

test('options are checked before anything is written', async (t) => {
  await using model = await CnnLstm.create(FRAMES)
  await using numbers = await CnnLstm.create({ ...VECTORS, numClasses: undefined, head: 'regression' })
  const path = join(folder, 'never.onnx')
  const refused: [typeof TypeError | typeof RangeError, RegExp, OnnxOptions][] = [
    [TypeError, /`streamin`; did you mean `streaming`/, untyped({ streamin: true })],
    [TypeError, /a boolean for `softmax`/, untyped({ softmax: 1 })],
    [RangeError, /'float32' or 'uint8' for `inputType`/, untyped({ inputType: 'int8' })],
    [RangeError, /one direction for `streaming`/, { streaming: true }],
    [RangeError, /`lengths`, received true/, { streaming: true, lengths: true }],
    [TypeError, /Float32Array.* for `probe.data`/, { probe: { data: new Uint8Array(192), shape: [1, 1, 3, 8, 8] } }],
    [RangeError, /shape \[batch, time, 3, 8, 8\] for `probe`/, { probe: { data: new Float32Array(192), shape: [1, 3, 8, 8] } }], // prettier-ignore
    [TypeError, /`probeLengths`/, { probeLengths: [1] }],
    [TypeError, /`signal`/, untyped({ signal: 1 })],
  ]
  for (const [kind, message, options] of refused) {
    await refuses(t, kind, message, async () => model.exportOnnx(path, options)) // oxlint-disable-line no-await-in-loop -- one by one
  }
  await refuses(t, RangeError, /regression/, async () => numbers.exportOnnx(path, { softmax: true }))
  await refuses(t, TypeError, /`path`/, async () => model.exportOnnx(untyped(1)))
  await t.throwsAsync(async () => stat(path), { code: 'ENOENT' })
})

test('a batch norm that float32 cannot hold within the convolution stays an operator', async (t) => {
  await using model = await CnnLstm.create({ ...FRAMES, cnn: [{ outChannels: 4, norm: 'batch' }] })
  const state = await model.stateDict()
  for (const name of ['cnn.norm1.running_var', 'cnn.norm1.weight']) state.get(name)!.data.fill(1e30)
  state.get('cnn.conv1.weight')!.data.forEach((_, index, data) => (data[index] = (index % 5) * 1e-8))
  state.get('cnn.norm1.weight')!.data.fill(1e-20)
  await model.loadStateDict(state)
  const path = join(folder, 'unfolded.onnx')
  t.true((await model.exportOnnx(path)).largestDifference! < 1e-6)
  t.true((await readFile(path, 'latin1')).includes('BatchNormalization'))
  await using plain = await CnnLstm.create(FRAMES)
  await plain.exportOnnx(path)
  t.false((await readFile(path, 'latin1')).includes('BatchNormalization'))
})

test('pixels and the numbers that they are give the same answers', async (t) => {
  await using model = await randomModel(7, { input: { channels: 3, height: 9, width: 7 } })
  const [floats, bytes] = [join(folder, 'floats.onnx'), join(folder, 'bytes.onnx')]
  await model.exportOnnx(floats)
  await model.exportOnnx(bytes, { inputType: 'uint8' })
  const { clips, lengths } = randomClips(model, seeded(3), { batch: 4, time: 5, bytes: true })
  const scaled = { ...clips, data: Float32Array.from(clips.data, (value) => Math.fround(value / 255)) }
  const [one, other] = [
    await runOnnx(await openOnnx(floats), scaled, lengths),
    await runOnnx(await openOnnx(bytes), clips, lengths),
  ]
  t.deepEqual(Object.values(one)[0]!.data, Object.values(other)[0]!.data)
})

test('without onnxruntime-node the file is written, and the process is told that nothing was compared', async (t) => {
  const program = `
    const Module = require('node:module')
    const resolve = Module._resolveFilename
    Module._resolveFilename = (request, ...rest) => {
      if (request === 'onnxruntime-node') throw Object.assign(new Error('not here'), { code: 'MODULE_NOT_FOUND' })
      return resolve(request, ...rest)
    }
    const { CnnLstm } = require('zoetrope')
    process.on('warning', ({ code, message }) => console.log(code, message))
    CnnLstm.create({ input: { features: 2 }, numClasses: 2, lstm: { hiddenSize: 1 }, device: 'cpu' }).then(async (model) => {
      console.log(await model.exportOnnx(process.argv[1]))
      await model.exportOnnx(process.argv[1], { verify: false })
    })`
  const path = join(folder, 'unchecked.onnx')
  const { code, stdout, stderr } = await runNode(['-e', program, path], {}, REPOSITORY)
  t.is(code, 0, stderr)
  t.regex(stdout, /largestDifference: undefined, clips: 0/)
  t.is(stdout.match(/ZOETROPE_ONNX_UNCHECKED/g)?.length, 1, stdout)
  t.true((await stat(path)).size > 500)
})

test('the program may exit while a file is being compared', async (t) => {
  const program = `
    const { CnnLstm } = require('zoetrope')
    CnnLstm.create({ input: { channels: 3, height: 64, width: 64 }, numClasses: 2, device: 'cpu' }).then((model) => {
      model.exportOnnx(process.argv[1])
      setImmediate(() => model.logits({ data: new Float32Array(3 * 64 * 64), shape: [1, 3, 64, 64] }).then(() => process.exit(3)))
    })`
  const { code, signal, stderr } = await runNode(['-e', program, join(folder, 'exit.onnx')])
  t.deepEqual({ code, signal }, { code: 3, signal: null }, stderr)
})

test('softmax of the helpers is that of the file', async (t) => {
  await using model = await CnnLstm.create(FRAMES)
  const path = join(folder, 'softmax.onnx')
  await model.exportOnnx(path, { softmax: true, lengths: false })
  const { clips } = randomClips(model, seeded(9), { batch: 1, time: 2, bytes: false })
  clips.data.fill(0.5)
  const { logits, probabilities } = await runOnnx(await openOnnx(path), clips, null)
  t.true(relativeDifference(softmax(logits!.data), probabilities!.data) < 1e-6)
})

test('a head of label strings gives its logits frame by frame, the blank first', async (t) => {
  await using model = await CnnLstm.create({ ...FRAMES, head: 'ctc' })
  const path = join(folder, 'ctc.onnx')
  t.true((await model.exportOnnx(path, { softmax: true })).largestDifference! < 1e-6)
  const { clips, lengths } = randomClips(model, seeded(11), { batch: 3, time: 6, bytes: false })
  const { logits, probabilities } = await runOnnx(await openOnnx(path), clips, lengths)
  t.deepEqual(logits!.shape, [3, 6, 4])
  t.true(relativeDifference(logits!.data, (await model.logits(clips, { lengths })).data) < 1e-5)
  t.true(Math.abs(probabilities!.data.subarray(0, 4).reduce((a, b) => a + b) - 1) < 1e-6)
})
