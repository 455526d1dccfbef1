/** Checks of inputs and targets, without a model. */
import { hasLabelStrings } from '../config/head/kind'
import { shortList } from './finding'
import type { NativeStatistics } from '../native'
import type { ModelConfig } from '../config/model'
import type { Finding } from './finding'

type Channel = NativeStatistics['channels'][number]

/** Means further from 0, and deviations outside these, are slow to learn from. */
const FARTHEST_MEAN = 5
const LARGEST_STD = 10
const SMALLEST_STD = 0.01
/** Classes this many times as common as others. */
const IMBALANCE = 10
/** Samples that must be seen before a class that is missing, or alone, says something. */
const ENOUGH_SAMPLES = 32

export function auditInputs({ channels, samples }: NativeStatistics, { normalize }: ModelConfig): Finding[] {
  const findings: Finding[] = []
  const seen = `in ${samples} samples`
  const those = (is: (channel: Channel, index: number) => boolean): number[] =>
    channels.flatMap((channel, index) => (is(channel, index) ? [index] : []))
  const infinite = those(({ notFinite }) => notFinite > 0)
  if (infinite.length > 0) {
    findings.push({
      level: 'error',
      code: 'inputs-not-finite',
      message: `values that are NaN or infinite ${seen}, in channel or feature ${shortList(infinite)}`,
      remedy: 'fill or drop missing values before training',
    })
  }
  const constant = those(({ count, minimum, maximum }) => count > 1 && minimum === maximum)
  if (constant.length > 0 && samples > 1) {
    findings.push({
      level: constant.length === channels.length ? 'error' : 'warning',
      code: 'inputs-constant',
      message: `the same value everywhere ${seen}, in channel or feature ${shortList(constant)}`,
      remedy: 'leave it out, or look for a fault in how it is read',
    })
  }
  const unscaled = those((channel, index) => isUnscaled(scaled(channel, normalize, index)))
  const [first] = unscaled
  const channel = first === undefined ? undefined : channels[first]
  if (first !== undefined && channel !== undefined) {
    const { mean, std } = scaled(channel, normalize, first)
    const figures = `mean ${mean.toPrecision(3)}, deviation ${std.toPrecision(3)} in channel or feature ${shortList(unscaled)}`
    findings.push({
      level: 'warning',
      code: normalize === null ? 'inputs-unscaled' : 'normalize-mismatch',
      message: `${figures}${normalize === null ? '' : ' after `normalize`'}, ${seen}`,
      remedy:
        normalize === null
          ? 'create the model with `normalize: await normalization(trainSet)`'
          : 'take `normalize` from the data that the model is trained on',
    })
  }
  return findings
}

function scaled(
  { mean, std }: Channel,
  normalize: ModelConfig['normalize'],
  index: number,
): { mean: number; std: number } {
  if (normalize === null) return { mean, std }
  const deviation = normalize.std[index] ?? 1
  return { mean: (mean - (normalize.mean[index] ?? 0)) / deviation, std: std / deviation }
}

function isUnscaled({ mean, std }: { mean: number; std: number }): boolean {
  return Math.abs(mean) > FARTHEST_MEAN || std > LARGEST_STD || (std > 0 && std < SMALLEST_STD)
}

export function auditTargets({ classes, samples }: NativeStatistics, config: ModelConfig): Finding[] {
  const { head, numClasses } = config
  const isString = hasLabelStrings(head.kind)
  if ((head.kind !== 'classification' && !isString) || classes.length === 0) return []
  const name = (target: number): string => config.classes?.[target] ?? String(target)
  const outside = classes.filter(({ target }) => target < 0 || target >= numClasses).map(({ target }) => target)
  if (outside.length > 0) {
    return [
      {
        level: 'error',
        code: 'targets-out-of-range',
        message: `targets ${shortList(outside)}, where the model has classes 0 to ${numClasses - 1}`,
        remedy: 'count classes from 0, and give the model as many as there are',
      },
    ]
  }
  if (samples < ENOUGH_SAMPLES) return []
  const [only] = classes
  if (!isString && classes.length === 1 && only !== undefined) {
    return [
      {
        level: 'error',
        code: 'targets-one-class',
        message: `only class ${name(only.target)} in the first ${samples} samples of an epoch`,
        remedy: 'give the loader `shuffle: true`, or look for a fault in how targets are read',
      },
    ]
  }
  const counts = new Map(classes.map(({ target, count }) => [target, count]))
  const missing = Array.from({ length: numClasses }, (_, target) => target).filter((target) => !counts.has(target))
  if (missing.length > 0 && samples >= ENOUGH_SAMPLES * numClasses) {
    return [
      {
        level: 'warning',
        code: 'targets-missing-class',
        message: `no sample of ${shortList(missing.map(name))} among ${samples}`,
        remedy: 'add samples of it, or leave it out of the classes',
      },
    ]
  }
  if (isString) return [] //                                some letters are rarer than others
  const counted = head.per === 'frame' ? 'frames' : 'samples'
  const sorted = classes.toSorted((a, b) => a.count - b.count)
  const [rarest, commonest] = [sorted[0], sorted.at(-1)]
  if (rarest === undefined || commonest === undefined || commonest.count < IMBALANCE * rarest.count) return []
  return [
    {
      level: 'warning',
      code: 'targets-imbalanced',
      message: `${commonest.count} ${counted} of ${name(commonest.target)}, ${rarest.count} of ${name(rarest.target)}`,
      remedy: 'weigh classes (`loss: { classWeights }`), and judge by F1 or balanced accuracy rather than accuracy',
    },
  ]
}
