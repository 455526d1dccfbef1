/** Strings that a model writes: how each token is chosen, and what comes of it. */
import { randomBytes } from 'node:crypto'
import { checkSignal } from '../common/abort'
import { checkInteger, checkNumber, checkOneOf, checkOptions, checkSeed, describe, rangeError } from '../common/checks'
import { joinLabels } from '../decode/text.js'
import type { NativeGenerationOptions, NativeWritten } from '../native'
import type { IntegerArray } from '../data/targets'

/**
 * How each token is chosen. `'greedy'`: the most probable one. `'sample'`: drawn at random. `'beam'`: so that the whole
 * string is as probable as can be found.
 */
export type GenerationStrategy = 'greedy' | 'sample' | 'beam'

/** Options of `generateTokens()`. */
export interface TokenOptions {
  /** Default `'greedy'`. */
  readonly strategy?: 'greedy' | 'sample' | undefined
  /**
   * Of `'sample'`: logits are divided by it, before `topK` and `topP`. Below 1 the probable becomes more probable. Above 0;
   * default 1.
   */
  readonly temperature?: number | undefined
  /** Of `'sample'`: only so many most probable tokens are drawn. Default all. */
  readonly topK?: number | undefined
  /**
   * Of `'sample'`: only the most probable tokens are drawn that together just reach this probability. Above 0, at most 1;
   * default 1.
   */
  readonly topP?: number | undefined
  /**
   * Of `'sample'`: begins the stream of draws, together with the values of the clip. The same seed and clip give the same
   * string, whatever stands beside it. Default: a seed by chance, new for each call.
   */
  readonly seed?: number | bigint | undefined
  /** Most labels of a string. Default the head's `maxLength`. */
  readonly maxLength?: number | undefined
  /** Ends the call between two steps; it rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
}

/** Options of `generate()`. */
export interface GenerateOptions extends Omit<TokenOptions, 'strategy'> {
  /** The number of valid frames of each clip, `[batch]`. The frames after them do not count. Default all frames. */
  readonly lengths?: IntegerArray | undefined
  /** Default `'greedy'`. */
  readonly strategy?: GenerationStrategy | undefined
  /** Of `'beam'`: strings that are kept at every step, from 1 to 1024. One beam is greedy. Default 4. */
  readonly beams?: number | undefined
  /**
   * Of `'beam'`: the exponent α of the length penalty ((5 + tokens) / 6)^α that divides a string's log-probability. Above 0
   * it favours longer strings. Default 0.
   */
  readonly lengthPenalty?: number | undefined
}

/** A string of labels that a model has written for a clip. */
export interface Generated<Label extends string = string> {
  /** Names of classes, in order. */
  readonly labels: Label[]
  /** The labels as one text: side by side, or with spaces where a name has more than one character. */
  readonly text: string
  /**
   * The natural logarithm of the string's probability, its end included; of a beam search over the length penalty. `NaN`,
   * with no labels, where inputs or weights are not finite.
   */
  readonly score: number
}

/** Checked options. */
export interface CheckedGeneration {
  readonly native: NativeGenerationOptions
  readonly signal: AbortSignal | undefined
}

const MOST_BEAMS = 1024
const DEFAULT_BEAMS = 4
const TOKEN_KEYS = ['strategy', 'temperature', 'topK', 'topP', 'seed', 'maxLength', 'signal']
const GENERATE_KEYS = [...TOKEN_KEYS, 'lengths', 'beams', 'lengthPenalty']
/** The options that belong to one strategy. */
const OF_SAMPLE = ['temperature', 'topK', 'topP', 'seed'] as const
const OF_BEAM = ['beams', 'lengthPenalty'] as const

export function checkGenerateOptions(
  given: GenerateOptions,
): CheckedGeneration & { readonly lengths: GenerateOptions['lengths'] } {
  const options = checkOptions(given, 'options', GENERATE_KEYS)
  return { ...checked(options, ['greedy', 'sample', 'beam']), lengths: options.lengths }
}

export function checkTokenOptions(options: TokenOptions): CheckedGeneration {
  return checked(checkOptions(options, 'options', TOKEN_KEYS), ['greedy', 'sample'])
}

function checked(options: GenerateOptions, strategies: readonly GenerationStrategy[]): CheckedGeneration {
  const strategy = checkOneOf(options.strategy ?? 'greedy', 'strategy', strategies)
  for (const [keys, owner] of [
    [OF_SAMPLE, 'sample'],
    [OF_BEAM, 'beam'],
  ] as const) {
    const unused = strategy === owner ? undefined : keys.find((key) => options[key] !== undefined)
    if (unused === undefined) continue
    const strays = describe(options[unused])
    throw new RangeError(
      `Expected \`${unused}\` with the strategy '${owner}' only, received ${strays} with '${strategy}'`,
    )
  }
  const { maxLength, beams = DEFAULT_BEAMS, lengthPenalty = 0 } = options
  return {
    native: {
      lengthPenalty: checkNumber(lengthPenalty, 'lengthPenalty', 0),
      ...(maxLength === undefined ? {} : { maxLength: checkInteger(maxLength, 'maxLength', 1) }),
      ...(strategy === 'beam' ? { beams: checkInteger(beams, 'beams', 1, MOST_BEAMS) } : {}),
      ...(strategy === 'sample' ? { sampling: checkSampling(options) } : {}),
    },
    signal: checkSignal(options.signal, 'signal'),
  }
}

function checkSampling({ temperature = 1, topK, topP = 1, seed }: Omit<TokenOptions, 'strategy'>) {
  if (checkNumber(temperature, 'temperature', 0) === 0) {
    throw rangeError(
      "a number above 0 (the strategy 'greedy' takes the most probable token)",
      'temperature',
      temperature,
    )
  }
  if (checkNumber(topP, 'topP', 0) === 0 || topP > 1) throw rangeError('a number above 0 and at most 1', 'topP', topP)
  return {
    temperature,
    ...(topK === undefined ? {} : { topK: checkInteger(topK, 'topK', 1) }),
    topP,
    seed: seed === undefined ? randomBytes(8).readBigUInt64LE() : checkSeed(seed, 'seed'),
  }
}

/** A string as the user reads it. */
export function toGenerated<Label extends string>(
  { labels, score }: NativeWritten,
  classes: readonly Label[],
): Generated<Label> {
  const names = Array.from(labels, (label) => nameOf(label, classes))
  return { labels: names, text: joinLabels(names, classes), score }
}

/** The name of a class that the model has. */
export function nameOf<Label extends string>(label: number, classes: readonly Label[]): Label {
  const name = classes[label]
  if (name === undefined) throw new RangeError(`Expected a label below ${classes.length}, received ${label}`)
  return name
}
