import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { AdamW, CnnLstm, DataLoader, fit, normalization, oneCycle, Subset, test } from 'zoetrope'

import { percent } from './report.mjs'

/** The seeds of a recipe's runs: of weights, orders, augmentation and dropout. */
export const seeds = [0, 1, 2]

/** The rate rises for a fifth of the updates, then falls to a thousandth of its largest. */
export const cycle = { pctStart: 0.2, finalDivFactor: 40 }

/**
 * A recipe in three steps, in which the test part is used once, at the end:
 *
 * 1. Each candidate's settings are tried on splits of the training part.
 * 2. The one with the best mean accuracy there is taken; where two are as accurate, the one with the lower loss. With
 *    `recipe.metric: 'cer'` that is the one with the fewest errors.
 * 3. It is trained on the whole training part with each seed, and tested.
 *
 * `recipe` is `{ model, candidates, batchSize, bucketByLength }`; a candidate is `{ epochs, learningRate, weightDecay,
 * labelSmoothing, clipNorm, augment, …model options }`.
 */
export async function runRecipe({ train, test: testSet, folds, recipe, options }) {
  const chosen = await choose({ folds, recipe, options })
  const { metric = 'accuracy' } = recipe
  const figures = []
  for (const seed of options.quick ? seeds.slice(0, 1) : seeds) {
    const result = await learn({ train, evaluate: testSet, recipe, settings: chosen, seed, options })
    console.log(`seed ${seed}: ${metric} ${percent(result[metric])} on the test part`)
    figures.push(result[metric])
  }
  return { ...meanAndDeviation(figures), chosen }
}

/** Tries each candidate on `folds`, a list of splits `{ train, validation }` of the training part; returns the best. */
export async function choose({ folds, recipe, options }) {
  const names = Object.keys(recipe.candidates)
  const { metric = 'accuracy' } = recipe
  const sizes = folds.map(({ validation }) => validation.length).join(', ')
  console.log(`Choosing on parts of the training part that are held out, of ${sizes}:`)
  let best
  for (const name of options.quick ? names.slice(0, 1) : names) {
    const settings = recipe.candidates[name]
    const results = []
    for (const { train, validation } of options.quick ? folds.slice(0, 1) : folds) {
      results.push(await learn({ train, evaluate: validation, recipe, settings, seed: 0, options }))
    }
    const figure = meanAndDeviation(results.map((result) => result[metric])).mean
    const loss = meanAndDeviation(results.map((result) => result.loss)).mean
    console.log(`  ${name}, ${epochsOf(settings, options)} epochs: ${percent(figure)}, loss ${loss.toFixed(3)}`)
    const candidate = { name, settings, gain: metric === 'accuracy' ? figure : -figure, loss }
    if (best === undefined || isBetter(candidate, best)) best = candidate
  }
  console.log(`Chosen: ${best.name}`)
  return best.settings
}

/** `count` splits of the training part: the samples that `foldOf(index)` deals to a fold are held out of it in turn. */
export function makeFolds(train, count, foldOf) {
  const indices = Array.from({ length: train.length }, (_, index) => index)
  return Array.from({ length: count }, (_, fold) => {
    const [learnt, heldOut] = [false, true].map((isHeldOut) =>
      indices.filter((index) => (foldOf(index) === fold) === isHeldOut),
    )
    return { train: new Subset(train, learnt), validation: new Subset(train, heldOut) }
  })
}

function isBetter({ gain, loss }, than) {
  return gain > than.gain || (gain === than.gain && loss < than.loss)
}

/** Trains a new model with some settings and tests it on `evaluate`, as it is after the last epoch. */
export async function learn({ train, evaluate, recipe, settings, seed, options }) {
  const { learningRate, weightDecay, labelSmoothing, clipNorm, augment } = settings
  const model = await createModel({ train, recipe, settings, seed, options })
  try {
    const { batchSize, bucketByLength = false } = recipe
    const schedule = oneCycle(cycle)
    await fit(model, {
      train: new DataLoader(train, { batchSize, shuffle: true, seed, augment, bucketByLength }),
      epochs: epochsOf(settings, options),
      optimizer: new AdamW(model, { learningRate, weightDecay, schedule }),
      loss: { labelSmoothing },
      clipNorm,
      signal: options.signal,
    })
    return await test(model, new DataLoader(evaluate, { batchSize: 100 }), { signal: options.signal })
  } finally {
    await model.dispose()
  }
}

/** A new model with some settings, normalised by what it is to be trained on, alone. */
export async function createModel({ train, recipe, settings, seed, options }) {
  const {
    epochs: _e,
    learningRate: _r,
    weightDecay: _w,
    labelSmoothing: _l,
    clipNorm: _c,
    augment: _a,
    ...changes
  } = settings
  const normalize = await normalization(train)
  return CnnLstm.create({ ...recipe.model, ...changes, normalize, device: options.device, seed })
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

/** One row of what a recipe came to, beside what others published. Of errors, `most` is the bar. */
export function printResult(what, { mean, deviation }, { published, bar, most }, { quick }) {
  const runs = quick ? 1 : seeds.length
  console.log(`\n${what}: ${mean.toFixed(3)} ± ${deviation.toFixed(3)} (mean and deviation of ${runs} seeds)`)
  console.log(`Published or known: ${published}`)
  if (quick || (most === undefined ? mean >= bar : mean <= most)) return
  console.log(`Short of the bar of ${most ?? bar}`)
  process.exitCode = 1
}

/** Where a data set lies: in `--data`, or beside the repository. `undefined`, with the reason printed, where it is not. */
export function findData(options, ...parts) {
  const beside = fileURLToPath(new URL('../../../shared/data', import.meta.url))
  const place = options.data ?? path.join(beside, ...parts)
  if (existsSync(place)) return place
  console.log(`Skipped: ${parts.join('/')} is not in ../shared/data; --data PATH says where it is`)
  return undefined
}
