import test from 'ava'
import { CnnLstm, DataLoader, TensorDataset, audit } from 'zoetrope'
import { VECTORS, padded, sequences } from '../helpers/sequences'

const TIME = 9
const samples = sequences(80, ({ shape }, index) => new Uint8Array(shape[0]!).fill(index % 2))

for (const padding of [-100, 0, 7]) {
  test(`targets of padded frames are not looked at: ${padding}`, async (t) => {
    await using model = await CnnLstm.create({ ...VECTORS, classes: ['low', 'high'], head: { per: 'frame' } })
    const { clips, lengths } = padded(samples, TIME, 0)
    const targets = new Float32Array(samples.length * TIME).fill(padding)
    samples.forEach(({ target }, index) => targets.set(target as Uint8Array, index * TIME))
    const dataset = new TensorDataset({
      inputs: clips,
      lengths,
      targets: { data: targets, shape: [samples.length, TIME] },
    })
    const findings = await audit(model, new DataLoader(dataset), { print: null })
    t.deepEqual(
      findings.filter(({ code }) => code.startsWith('targets')),
      [],
    )
    t.true(
      findings.some(({ code }) => code === 'cost'),
      'the whole audit was done',
    )
  })
}

test('padding does not make a class common', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, classes: ['low', 'high'], head: { per: 'frame' } })
  // Clips of one frame beside some of sixty: 40 frames of class 1 and 60 of class 0, but 2,000 of zeros for padding.
  const short = Array.from({ length: 40 }, () => ({
    input: { data: new Float32Array(3).fill(0.5), shape: [1, 3] },
    target: [1],
  }))
  const long = {
    input: { data: Float32Array.from({ length: 180 }, (_, at) => at % 2), shape: [60, 3] },
    target: new Uint8Array(60),
  }
  const findings = await audit(model, new DataLoader([...short, long], { batchSize: 41 }), { print: null })
  t.deepEqual(
    findings.filter(({ code }) => code.startsWith('targets')),
    [],
  )
})
