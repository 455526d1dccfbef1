/** Arrays may be changed as soon as a call returns, also while earlier calls keep it waiting. */
import test from 'ava'
import { CnnLstm, TensorDataset, logMel } from 'zoetrope'
import { TOY_OPTIONS, movingDots, noise, toyModel } from '../helpers/toy'
import type { AnyCnnLstm, FloatArray } from 'zoetrope'

const { inputs: clips, targets } = movingDots(4)

/** More calls than run at a time, so that the next one waits. */
function occupy(model: AnyCnnLstm): Promise<unknown> {
  return Promise.all(Array.from({ length: 8 }, async () => model.logits(clips)))
}

test('loadStateDict: from a Map, from entries, and beside its own later changes', async (t) => {
  await using source = await toyModel({ seed: 1 })
  await using target = await toyModel({ seed: 2 })
  const expected = await source.logits(clips)
  for (const iterable of [(state: Map<string, FloatArray>) => state, (state: Map<string, FloatArray>) => [...state]]) {
    const state = await source.stateDict()
    const before = occupy(target)
    const loading = target.loadStateDict(iterable(state))
    for (const { data } of state.values()) data.fill(Number.NaN)
    state.clear()
    await Promise.all([before, loading])
    t.deepEqual(await target.logits(clips), expected)
  }
})

test('predict and logits: clips and lengths', async (t) => {
  await using model = await CnnLstm.create({ ...TOY_OPTIONS, head: { per: 'frame' } })
  const lengths = Int32Array.of(6, 3, 1, 2)
  const expected = await Promise.all([model.predict(clips, { lengths }), model.logits(clips, { lengths })])
  const changing = { data: clips.data.slice(), shape: [...clips.shape] }
  const before = occupy(model)
  const calls = Promise.all([model.predict(changing, { lengths }), model.logits(changing, { lengths })])
  changing.data.fill(99)
  changing.shape.fill(1)
  lengths.fill(1)
  await before
  t.deepEqual(await calls, expected)
})

test('logMel: the recording', async (t) => {
  const recording = noise([4000])
  const options = { sampleRate: 8000 }
  const expected = await logMel(recording, options)
  const changing = { data: Float32Array.from(recording.data), shape: [4000] }
  const calls = Array.from({ length: 4 }, async () => logMel(changing, options))
  changing.data.fill(0)
  changing.shape[0] = 1
  for (const frames of await Promise.all(calls)) t.deepEqual(frames, expected)
})

test('TensorDataset: inputs, targets and lengths', (t) => {
  const lengths = Int32Array.of(6, 3, 1, 2)
  const given = { inputs: { data: clips.data.slice(), shape: [...clips.shape] }, targets: targets.slice(), lengths }
  const expected = new TensorDataset({ inputs: clips, targets, lengths: lengths.slice() })
  const dataset = new TensorDataset(given)
  given.inputs.data.fill(7)
  given.inputs.shape.fill(1)
  given.targets.fill(1)
  lengths.fill(1)
  t.is(dataset.length, 4)
  for (let index = 0; index < 4; index++) t.deepEqual(dataset.get(index), expected.get(index))
})
