/** What a model predicts: pooling over time, the head, and the names of its classes. */
import { checkInteger, checkOneOf, checkOptions, describe, rangeError, typeError } from '../common/checks'
import { LARGEST } from './sizes'

/**
 * How the steps of a clip become one vector. Only valid frames count. `'last'` takes the last step of each direction,
 * `'mean'` the mean of the steps, `'max'` the largest value of each feature, and `'attention'` a weighted sum with
 * learned weights.
 */
export type Pooling = 'last' | 'mean' | 'max' | 'attention'

/** What a head predicts: one class, any number of labels at once, or numbers. */
export type HeadKind = 'classification' | 'multiLabel' | 'regression'

/** Whether a clip has one answer, or each of its frames has one. */
export type HeadPer = 'clip' | 'frame'

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
export type HeadOptions = HeadKind | ClassHeadOptions | RegressionHeadOptions

/** A head with every default filled in. */
export interface HeadConfig {
  readonly kind: HeadKind
  readonly per: HeadPer
  /** How many numbers an answer of a regression has; `null` for other heads. */
  readonly outputs: number | null
  /** The loss of a regression; `null` for other heads. */
  readonly loss: RegressionLoss | null
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

/** The {@link HeadType} of some {@link HeadOptions}. */
export interface HeadOf<Options> {
  readonly kind: Options extends HeadKind
    ? Options
    : Options extends { readonly kind: infer Kind extends HeadKind }
      ? Kind
      : 'classification'
  readonly per: Options extends { readonly per: infer Per extends HeadPer } ? Per : 'clip'
}

/** The options of any head. */
type AnyHead = Omit<ClassHeadOptions, 'kind'> &
  Omit<Partial<RegressionHeadOptions>, 'kind'> & { readonly kind?: HeadKind | undefined }

export function checkHead(options: HeadOptions): HeadConfig {
  const wanted: AnyHead = typeof options === 'string' ? { kind: options } : options
  const given = checkOptions(wanted, 'head', ['kind', 'per', 'outputs', 'loss'])
  const { kind = 'classification', per = 'clip', outputs, loss } = given
  const head = {
    kind: checkOneOf<HeadKind>(kind, 'head', ['classification', 'multiLabel', 'regression']),
    per: checkOneOf<HeadPer>(per, 'head.per', ['clip', 'frame']),
  }
  if (head.kind === 'regression') {
    return {
      ...head,
      outputs: checkInteger(outputs ?? 1, 'head.outputs', 1, LARGEST),
      loss: checkOneOf<RegressionLoss>(loss ?? 'mse', 'head.loss', ['mse', 'smoothL1']),
    }
  }
  for (const [name, value] of Object.entries({ outputs, loss })) {
    if (value !== undefined) throw rangeError('nothing unless for a regression', `head.${name}`, value)
  }
  return { ...head, outputs: null, loss: null }
}

export function checkPooling(pooling: Pooling | undefined, { per }: HeadConfig): Pooling {
  if (pooling !== undefined && per === 'frame') {
    throw new RangeError(
      `Expected no \`pooling\` with a head per frame, which pools nothing, received ${describe(pooling)}`,
    )
  }
  return checkOneOf(pooling ?? 'last', 'pooling', ['last', 'mean', 'max', 'attention'])
}

/** The names of the classes, as the user gives them. */
export interface ClassOptions {
  readonly classes?: readonly string[] | undefined
  readonly numClasses?: number | undefined
}

/** The classes with every default filled in. */
export interface ClassConfig {
  /** Number of classes or labels; 0 for a regression. */
  readonly numClasses: number
  /** `null` when the model was created by `numClasses`. */
  readonly classes: readonly string[] | null
}

export function checkClasses({ classes, numClasses }: ClassOptions, { kind }: HeadConfig): ClassConfig {
  if (kind === 'regression') {
    const name = classes === undefined ? 'numClasses' : 'classes'
    const given = classes ?? numClasses
    if (given === undefined) return { classes: null, numClasses: 0 }
    throw new TypeError(
      `Expected no \`${name}\` for a regression, received ${describe(given)}; \`head.outputs\` says how many numbers it gives`,
    )
  }
  if ((classes === undefined) === (numClasses === undefined)) {
    const came = classes === undefined ? 'neither' : 'both'
    throw new TypeError(`Expected exactly one of \`classes\` and \`numClasses\`, received ${came}`)
  }
  const fewest = kind === 'classification' ? 2 : 1
  if (numClasses !== undefined) {
    return { classes: null, numClasses: checkInteger(numClasses, 'numClasses', fewest, LARGEST) }
  }
  const names = checkNames(classes)
  if (names.length < fewest) throw rangeError(`at least ${fewest} names`, 'classes', names)
  return { classes: names, numClasses: names.length }
}

/** Half of a character, which no file in UTF-8 can hold. */
const LONE_SURROGATE = /\p{Surrogate}/u

function checkNames(classes: readonly string[] | undefined): readonly string[] {
  if (!Array.isArray(classes)) throw typeError('an array of names', 'classes', classes)
  if (classes.length > LARGEST) throw rangeError(`at most ${LARGEST} names`, 'classes', classes)
  const names = new Set<string>()
  for (const [index, name] of classes.entries()) {
    if (typeof name !== 'string') throw typeError('a string', `classes[${index}]`, name)
    if (name === '') throw rangeError('a name that is not empty', `classes[${index}]`, name)
    if (LONE_SURROGATE.test(name)) throw rangeError('well-formed Unicode', `classes[${index}]`, name)
    if (names.has(name)) throw rangeError('a name that occurs once', `classes[${index}]`, name)
    names.add(name)
  }
  return [...names]
}
