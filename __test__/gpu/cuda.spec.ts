import test from 'ava'
import { Adam, CnnLstm, isCudaAvailable, test as evaluate, train } from 'zoetrope'
import { failsWith } from '../helpers/expect'
import { movingDotLoader, movingDots, noise, TOY_OPTIONS } from '../helpers/toy'

const HAS_CUDA = isCudaAvailable()
const gpu = HAS_CUDA ? test.serial : test.serial.skip
const create = async (device: 'cuda' | 'cpu') => CnnLstm.create({ ...TOY_OPTIONS, device })

test.serial('whether there is a CUDA device', (t) => {
  t.log(HAS_CUDA ? 'CUDA tests run' : 'CUDA tests are skipped: isCudaAvailable() is false')
  t.pass()
})

gpu('equal seeds give the same weights on CPU and CUDA, bit for bit', async (t) => {
  await using cuda = await create('cuda')
  await using cpu = await create('cpu')
  t.is(cuda.device, 'cuda:0')
  t.deepEqual(await cuda.stateDict(), await cpu.stateDict())
})

gpu('logits agree with the CPU', async (t) => {
  await using cuda = await create('cuda')
  await using cpu = await create('cpu')
  for (const clips of [movingDots(9).inputs, noise([5, 1, 8, 8])]) {
    const [a, b] = [await cuda.logits(clips), await cpu.logits(clips)]
    for (const [at, value] of a.data.entries()) t.true(Math.abs(value - b.data[at]!) < 1e-3)
  }
})

gpu('it learns what no single frame tells', async (t) => {
  await using model = await create('cuda')
  const optimizer = new Adam(model, { learningRate: 0.01 })
  const loader = movingDotLoader(256, { shuffle: true })
  for (let epoch = 0; epoch < 20; epoch++) await train(model, loader, { optimizer })
  const { accuracy } = await evaluate(model, movingDotLoader(200, {}, 99))
  t.true(accuracy > 0.95, `accuracy ${accuracy}`)
})

gpu('inputs that are NaN are ERR_NON_FINITE_LOSS naming the step', async (t) => {
  await using model = await create('cuda')
  const before = await model.stateDict()
  const { DataLoader, TensorDataset } = await import('zoetrope')
  const inputs = noise([64, 1, 8, 8])
  inputs.data.fill(NaN)
  const loader = new DataLoader(new TensorDataset({ inputs, targets: new Uint8Array(64) }), { batchSize: 8 })
  const error = await failsWith(t, 'ERR_NON_FINITE_LOSS', async () =>
    train(model, loader, { optimizer: new Adam(model) }),
  )
  t.is(error.details['step'], 1)
  t.deepEqual(await model.stateDict(), before)
})

gpu('a model saved on CUDA loads on the CPU', async (t) => {
  await using model = await create('cuda')
  await using cpu = await create('cpu')
  await cpu.loadStateDict(await model.stateDict())
  t.deepEqual(await cpu.stateDict(), await model.stateDict())
})
