import path from 'node:path'
import { AdamW, CnnLstm, DataLoader, TensorDataset, fit, oneCycle, readNpz, test } from 'zoetrope'

import { findData, meanAndDeviation, printResult, seeds } from './recipe.mjs'

/**
 * The next step of a piano roll from all steps before it, 88 keys at once. The negative log-likelihood of a step is summed
 * over the keys and averaged over all steps of all pieces, as in the literature.
 *
 * The official validation part chooses: the candidate, and of each run the epoch. The test part is used once for each seed.
 */
export async function learnPianoRolls({ file, name, candidates, batchSize, published, most }, options) {
  const place = findData(options, 'polyphonic')
  if (place === undefined) return
  const parts = await readParts(path.join(place, file))
  let best
  for (const [candidate, settings] of Object.entries(candidates).slice(0, options.quick ? 1 : undefined)) {
    const { validation } = await learn(parts, { settings, batchSize, seed: seeds[0], options, tests: false })
    console.log(`${candidate}: ${validation.toFixed(3)} on the validation part`)
    if (best === undefined || validation < best.validation) best = { candidate, settings, validation }
  }
  console.log(`Chosen: ${best.candidate}`)
  const found = []
  for (const seed of options.quick ? seeds.slice(0, 1) : seeds) {
    const { settings } = best
    const { validation, tested } = await learn(parts, { settings, batchSize, seed, options, tests: true })
    console.log(`seed ${seed}: ${tested.toFixed(3)} on the test part, ${validation.toFixed(3)} on the validation part`)
    found.push(tested)
  }
  const result = meanAndDeviation(found)
  printResult(`${name}, negative log-likelihood of the next step`, result, { published, most }, options)
}

async function learn({ train, valid, test: testPart }, { settings, batchSize, seed, options, tests }) {
  const { epochs, learningRate, weightDecay, ema, ...network } = settings
  const model = await CnnLstm.create({
    input: { features: 88 },
    head: { kind: 'forecast', horizon: 1, mode: 'recursive', loss: 'bce' },
    ...network,
    device: options.device,
    seed,
  })
  try {
    const schedule = oneCycle({ pctStart: 0.15, finalDivFactor: 40 })
    const loader = (part, more) => new DataLoader(part, { batchSize, ...more })
    await fit(model, {
      train: loader(train, { shuffle: true, seed, bucketByLength: true }),
      validation: loader(valid),
      epochs: options.quick ? 1 : epochs,
      optimizer: new AdamW(model, { learningRate, weightDecay, schedule }),
      clipNorm: 1,
      ema: { decay: ema },
      best: 'nll',
      audit: false, // it would say that some keys never sound
      signal: options.signal,
      onEpoch: ({ epoch, train: { nll }, validation }) => {
        if (epoch % 10 === 0)
          console.log(`  epoch ${epoch}: ${nll.toFixed(3)}, validation ${validation.nll.toFixed(3)}`)
      },
    })
    const on = async (part) => (await test(model, loader(part), { signal: options.signal })).nll
    return { validation: await on(valid), tested: tests ? await on(testPart) : undefined }
  } finally {
    await model.dispose()
  }
}

/** The parts of the file as datasets: floats of 0 and 1, because bytes would be scaled from 0…255. */
async function readParts(file) {
  const arrays = await readNpz(file)
  const part = (name) => {
    const { data, shape } = arrays.get(name)
    const lengths = Int32Array.from(arrays.get(`${name}_lengths`).data, Number)
    return new TensorDataset({ inputs: { data: Float32Array.from(data), shape }, lengths })
  }
  return { train: part('train'), valid: part('valid'), test: part('test') }
}
