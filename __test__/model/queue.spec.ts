import test from 'ava'
import { movingDots, toyModel } from '../helpers/toy'

test('any number of calls may be made at once; each gets its own answer', async (t) => {
  await using model = await toyModel()
  const { inputs } = movingDots(300)
  const expected = await model.logits(inputs)
  const clip = (index: number) => ({
    data: inputs.data.subarray(index * 384, (index + 1) * 384),
    shape: [1, 6, 1, 8, 8],
  })
  const answers = await Promise.all(Array.from({ length: 300 }, async (_, index) => model.logits(clip(index))))
  for (const [index, { data }] of answers.entries()) {
    t.true(Math.abs(data[0]! - expected.data[index * 2]!) < 1e-6)
    t.true(Math.abs(data[1]! - expected.data[index * 2 + 1]!) < 1e-6)
  }
})

test('calls are done in the order in which they were made', async (t) => {
  await using model = await toyModel({ seed: 1 })
  await using other = await toyModel({ seed: 2 })
  const { inputs } = movingDots(2)
  const [states, expected] = [[], []] as [Awaited<ReturnType<typeof model.stateDict>>[], unknown[]]
  for (const source of [other, model]) {
    states.push(await source.stateDict())
    expected.push(await source.logits(inputs))
  }
  const predictions: Promise<unknown>[] = []
  const loads: Promise<unknown>[] = []
  for (let call = 0; call < 50; call++) {
    loads.push(model.loadStateDict(states[call % 2]!))
    predictions.push(model.logits(inputs))
  }
  await Promise.all(loads)
  for (const [call, answer] of (await Promise.all(predictions)).entries()) t.deepEqual(answer, expected[call % 2])
})

test('a call that fails does not hold up the others', async (t) => {
  await using model = await toyModel()
  const { inputs } = movingDots(2)
  const wrong = { data: new Uint8Array(9), shape: [1, 1, 3, 3] }
  const results = await Promise.allSettled(
    Array.from({ length: 30 }, async (_, index) => model.logits(index % 3 === 0 ? wrong : inputs)),
  )
  t.is(results.filter(({ status }) => status === 'fulfilled').length, 20)
})
