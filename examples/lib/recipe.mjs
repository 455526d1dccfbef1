import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { AdamW, CnnLstm, DataLoader, fit, normalization, oneCycle, test } from 'zoetrope'

import { percent } from './report.mjs'

/** The seeds of a recipe's runs: of weights, orders, augmentation and dropout. */
export const seeds = [0, 1, 2]

/**
 * A recipe in three steps, in which the test part is used once, at the end:
 *
 * 1. Each candidate's settings are tried on a split of the training part.
 * 2. The one with the best accuracy there is taken.
 * 3. It is trained on the whole training part with each seed, and tested.
 *
 * `recipe` is `{ model, candidates, batchSize }`; a candidate is `{ epochs, learningRate, augment, …model options }`.
 */
export async function runRecipe({ train, test: testSet, choice, recipe, options }) {
  const chosen = await choose({ choice, recipe, options })
  const accuracies = []
  for (const seed of options.quick ? seeds.slice(0, 1) : seeds) {
    const accuracy = await learn({ train, evaluate: testSet, recipe, settings: chosen, seed, options })
    console.log(`seed ${seed}: ${percent(accuracy)} of the test part`)
    accuracies.push(accuracy)
  }
  return { ...meanAndDeviation(accuracies), chosen }
}

/** Tries each candidate on `choice`, `{ train, validation }`, a split of the training part, and returns the best. */
export async function choose({ choice, recipe, options }) {
  const names = Object.keys(recipe.candidates)
  console.log(
    `Choosing on ${choice.validation.length} of the training part (${choice.train.length} are left to learn from):`,
  )
  let best
  for (const name of options.quick ? names.slice(0, 1) : names) {
    const settings = recipe.candidates[name]
    const { train, validation } = choice
    const accuracy = await learn({ train, evaluate: validation, recipe, settings, seed: 0, options })
    console.log(`  ${name}, ${epochsOf(settings, options)} epochs: ${percent(accuracy)}`)
    if (best === undefined || accuracy > best.accuracy) best = { name, settings, accuracy }
  }
  console.log(`Chosen: ${best.name}`)
  return best.settings
}

/** Trains a new model with some settings and returns its accuracy on `evaluate`, as it is after the last epoch. */
export async function learn({ train, evaluate, recipe, settings, seed, options }) {
  const { epochs: _, learningRate, weightDecay = 0.01, augment, ...changes } = settings
  const epochs = epochsOf(settings, options)
  const model = await CnnLstm.create({
    ...recipe.model,
    ...changes,
    normalize: await normalization(train), // of what is trained on, alone
    device: options.device,
    seed,
  })
  try {
    const { batchSize } = recipe
    const bucketByLength = recipe.bucketByLength ?? false
    const loader = new DataLoader(train, { batchSize, shuffle: true, seed, augment, bucketByLength })
    const optimizer = new AdamW(model, { learningRate, weightDecay, schedule: oneCycle() })
    await fit(model, { train: loader, epochs, optimizer, clipNorm: 1, signal: options.signal })
    return (await test(model, new DataLoader(evaluate, { batchSize: 100 }), { signal: options.signal })).accuracy
  } finally {
    await model.dispose()
  }
}

function epochsOf({ epochs }, { quick }) {
  return quick ? 1 : epochs
}

/** Mean and sample deviation. */
export function meanAndDeviation(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0 }
}

/** One row of what a recipe came to, beside what others published. */
export function printResult(what, { mean, deviation }, { published, bar }, { quick }) {
  const runs = quick ? 1 : seeds.length
  console.log(`\n${what}: ${mean.toFixed(3)} ± ${deviation.toFixed(3)} (mean and deviation of ${runs} seeds)`)
  console.log(`Published or known: ${published}`)
  if (quick || mean >= bar) return
  console.log(`Below the bar of ${bar}`)
  process.exitCode = 1
}

/** Where a data set lies: in `--data`, or beside the repository. `undefined`, with the reason printed, where it is not. */
export function findData(options, ...parts) {
  const beside = fileURLToPath(new URL('../../../shared/data', import.meta.url))
  const place = options.data ?? path.join(beside, ...parts)
  if (existsSync(place)) return place
  console.log(`Skipped: ${parts.join('/')} is not at ${place}; --data PATH says where it is`)
  return undefined
}
