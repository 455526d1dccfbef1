/** What a model predicts: the head, its options, and their check. */
import { checkInteger, checkOneOf, checkOptions, rangeError } from '../common/checks'
import { checkForecast } from './head/forecast'
import { HEAD_KINDS, hasLabelStrings } from './head/kind'
import { checkSeparator, checkSequence } from './head/strings'
import { LARGEST } from './sizes'
import type { ClassConfig } from './classes'
import type { ForecastConfig, ForecastHeadOptions, ForecastLoss } from './head/forecast'
import type { HeadKind, HeadPer } from './head/kind'
import type { CtcHeadOptions, SequenceConfig, SequenceHeadOptions } from './head/strings'
import type { InputOptions } from './input'
import type { LstmConfig } from './lstm'

/** A head that answers with classes. The model's `classes` or `numClasses` names them. */
export interface ClassHeadOptions {
  /**
   * `'classification'`: one class (softmax, cross-entropy). `'multiLabel'`: any number of labels at once (sigmoid,
   * binary cross-entropy). Default `'classification'`.
   */
  readonly kind?: 'classification' | 'multiLabel' | undefined
  /** Default `'clip'`. */
  readonly per?: HeadPer | undefined
}

/** The loss of a regression. */
export type RegressionLoss = 'mse' | 'smoothL1'

/** A head that answers with numbers. */
export interface RegressionHeadOptions {
  readonly kind: 'regression'
  /** Default `'clip'`. */
  readonly per?: HeadPer | undefined
  /** How many numbers an answer has. Default 1. */
  readonly outputs?: number | undefined
  /** `'mse'`: mean squared error. `'smoothL1'`: squared below an error of 1, linear above. Default `'mse'`. */
  readonly loss?: RegressionLoss | undefined
}

/** A head. The name of a kind alone means a head per clip with every default. */
export type HeadOptions =
  | Exclude<HeadKind, 'forecast' | 'sequence'>
  | ClassHeadOptions
  | RegressionHeadOptions
  | CtcHeadOptions
  | ForecastHeadOptions
  | SequenceHeadOptions

/** A head with every default filled in. */
export interface HeadConfig {
  readonly kind: HeadKind
  readonly per: HeadPer
  /** How many numbers an answer of a regression has; `null` for other heads. */
  readonly outputs: number | null
  /** The loss of a regression or a forecast; `null` for other heads. */
  readonly loss: ForecastLoss | null
  /** The index of the class between words; for label strings that have one. */
  readonly separator?: number
  /** Of a forecast. */
  readonly forecast?: ForecastConfig
  /** Of a token sequence. */
  readonly sequence?: SequenceConfig
}

/** The part of a head that decides what `predict()` answers. */
export interface HeadType {
  readonly kind: HeadKind
  readonly per: HeadPer
}

/** One class for each clip: the default head. */
export interface ClipClassification {
  readonly kind: 'classification'
  readonly per: 'clip'
}

/** The steps after each clip. */
export interface ClipForecast {
  readonly kind: 'forecast'
  readonly per: 'clip'
}

/** A string of labels for each clip, which a decoder writes. */
export interface TokenSequence {
  readonly kind: 'sequence'
  readonly per: 'clip'
}

/** The {@link HeadType} of some {@link HeadOptions}. */
export interface HeadOf<Options> {
  readonly kind: Options extends HeadKind
    ? Options
    : Options extends { readonly kind: infer Kind extends HeadKind }
      ? Kind
      : 'classification'
  readonly per: Options extends { readonly per: infer Per extends HeadPer } ? Per : 'clip'
}

type Optional<Options> = { readonly [Name in Exclude<keyof Options, 'kind' | 'loss'>]?: Options[Name] }

/** The options of any head. */
interface AnyHead
  extends
    Optional<ClassHeadOptions>,
    Optional<RegressionHeadOptions>,
    Optional<ForecastHeadOptions>,
    Optional<SequenceHeadOptions> {
  readonly kind?: HeadKind | undefined
  readonly loss?: ForecastLoss | undefined
}

/** Which kinds have which options, besides `kind`. */
const OPTIONS: { readonly [Name in Exclude<keyof AnyHead, 'kind'>]-?: readonly HeadKind[] } = {
  per: ['classification', 'multiLabel', 'regression'],
  outputs: ['regression'],
  loss: ['regression', 'forecast'],
  separator: ['ctc', 'sequence'],
  horizon: ['forecast'],
  mode: ['forecast'],
  features: ['forecast'],
  season: ['forecast'],
  maxLength: ['sequence'],
  attention: ['sequence'],
  embeddingSize: ['sequence'],
  hiddenSize: ['sequence'],
}

/** Options of a head that are known by name, of a kind that there is. */
export type ReadHead = Omit<AnyHead, 'kind'> & { readonly kind: HeadKind }

/** Reads a head's options once, and checks that its kind has them. */
export function readHead(options: HeadOptions): ReadHead {
  const wanted: AnyHead = typeof options === 'string' ? { kind: options } : options
  const { kind: given = 'classification', ...rest } = checkOptions(wanted, 'head', ['kind', ...Object.keys(OPTIONS)])
  const kind = checkOneOf<HeadKind>(given, 'head', HEAD_KINDS)
  for (const [name, kinds] of Object.entries(OPTIONS)) {
    const value: unknown = Reflect.get(rest, name)
    if (value === undefined || kinds.includes(kind)) continue
    throw rangeError(`nothing unless for a ${kinds.join(' or ')}`, `head.${name}`, value)
  }
  return { ...rest, kind }
}

/** Checks a head's options against the rest of the model's. */
export function checkHead(
  head: ReadHead,
  { input, classes, lstm }: { readonly input: InputOptions; readonly classes: ClassConfig; readonly lstm: LstmConfig },
): HeadConfig {
  const { kind, separator, loss, outputs, maxLength = NaN } = head
  const isRegression = kind === 'regression'
  const per = checkOneOf<HeadPer>(head.per ?? 'clip', 'head.per', ['clip', 'frame'])
  return {
    kind,
    per,
    outputs: isRegression ? checkInteger(outputs ?? 1, 'head.outputs', 1, LARGEST) : null,
    loss: isRegression || kind === 'forecast' ? checkOneOf(loss ?? 'mse', 'head.loss', LOSSES[kind]) : null,
    ...(hasLabelStrings(kind) && separator !== undefined && { separator: checkSeparator(separator, classes) }),
    ...(kind === 'forecast' && { forecast: checkForecast(head, input) }),
    ...(kind === 'sequence' && { sequence: checkSequence({ ...head, maxLength }, lstm.hiddenSize) }),
  }
}

const LOSSES: { readonly [Kind in 'regression' | 'forecast']: readonly ForecastLoss[] } = {
  regression: ['mse', 'smoothL1'],
  forecast: ['mse', 'smoothL1', 'bce'],
}
