import { checkBoolean, checkNumber, checkOptions, rangeError, typeError } from './checks'
import { modelHandle } from './model'
import type { AnyCnnLstm } from './model'
import type { ModelHandle } from './model-handle'
import type { NativeOptimizer } from './native'

/** Options of {@link Adam}, PyTorch's defaults. */
export interface AdamOptions {
  /** Default 1e-3. */
  readonly learningRate?: number | undefined
  /** Decay of the running means of the gradient and of its square, each in [0, 1). Default `[0.9, 0.999]`. */
  readonly betas?: readonly [number, number] | undefined
  /** Added to the denominator. Default 1e-8. */
  readonly eps?: number | undefined
  /** L2 penalty, added to the gradient. Default 0. */
  readonly weightDecay?: number | undefined
}

/** Options of {@link Sgd}, PyTorch's defaults. */
export interface SgdOptions {
  /** Default 1e-3. */
  readonly learningRate?: number | undefined
  /** Default 0. */
  readonly momentum?: number | undefined
  /** Nesterov's momentum; needs a momentum above 0. Default false. */
  readonly nesterov?: boolean | undefined
  /** L2 penalty, added to the gradient. Default 0. */
  readonly weightDecay?: number | undefined
}

type HyperParameters = Omit<NativeOptimizer, 'id' | 'learningRate'>

const ADAM_KEYS = ['learningRate', 'betas', 'eps', 'weightDecay']
const SGD_KEYS = ['learningRate', 'momentum', 'nesterov', 'weightDecay']

let created = 0
let readOptimizer: (optimizer: Optimizer) => { owner: ModelHandle; current: NativeOptimizer } | undefined

/** How a model's parameters follow their gradients: {@link Adam} or {@link Sgd}. Its state lives with the model. */
export abstract class Optimizer {
  readonly #owner: ModelHandle
  readonly #id: number
  readonly #hyper: HyperParameters
  #learningRate: number

  static {
    readOptimizer = (optimizer) =>
      #owner in optimizer
        ? {
            owner: optimizer.#owner,
            current: { ...optimizer.#hyper, id: optimizer.#id, learningRate: optimizer.#learningRate },
          }
        : undefined
  }

  /** @internal */
  protected constructor(model: AnyCnnLstm, learningRate: number, hyper: HyperParameters) {
    this.#owner = modelHandle(model)
    this.#learningRate = checkNumber(learningRate, 'learningRate', 0)
    this.#hyper = hyper
    this.#id = ++created
  }

  /**
   * Size of a step. May be set at any time: steps that are handed to the model later use it. Set in `onBatch` of step
   * k, it holds from step k + 2, because one more step is under way by then.
   */
  get learningRate(): number {
    return this.#learningRate
  }

  set learningRate(learningRate: number) {
    this.#learningRate = checkNumber(learningRate, 'learningRate', 0)
  }
}

/** Adam (Kingma and Ba, 2015), as PyTorch computes it. */
export class Adam extends Optimizer {
  /**
   * @throws {TypeError} For an option of a wrong type, or one that does not exist.
   * @throws {RangeError} For a value out of range or NaN.
   */
  constructor(model: AnyCnnLstm, options: AdamOptions = {}) {
    checkOptions(options, 'options', ADAM_KEYS)
    const { learningRate = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options
    if (!Array.isArray(betas)) throw typeError('two numbers', 'betas', betas)
    if (Object.keys(betas).length !== 2) throw rangeError('two numbers', 'betas', betas)
    super(model, learningRate, {
      kind: 'adam',
      weightDecay: checkNumber(weightDecay, 'weightDecay', 0),
      beta1: checkNumber(betas[0], 'betas[0]', 0, 1),
      beta2: checkNumber(betas[1], 'betas[1]', 0, 1),
      eps: checkNumber(eps, 'eps', 0),
      momentum: 0,
      nesterov: false,
    })
  }
}

/** Stochastic gradient descent with momentum, as PyTorch computes it. */
export class Sgd extends Optimizer {
  /**
   * @throws {TypeError} For an option of a wrong type, or one that does not exist.
   * @throws {RangeError} For a value out of range or NaN, or `nesterov` without momentum.
   */
  constructor(model: AnyCnnLstm, options: SgdOptions = {}) {
    checkOptions(options, 'options', SGD_KEYS)
    const { learningRate = 1e-3, momentum = 0, nesterov = false, weightDecay = 0 } = options
    const hyper = {
      kind: 'sgd' as const,
      weightDecay: checkNumber(weightDecay, 'weightDecay', 0),
      beta1: 0,
      beta2: 0,
      eps: 0,
      momentum: checkNumber(momentum, 'momentum', 0),
      nesterov: checkBoolean(nesterov, 'nesterov'),
    }
    if (hyper.nesterov && hyper.momentum === 0) throw rangeError('a number above 0 with nesterov', 'momentum', momentum)
    super(model, learningRate, hyper)
  }
}

/** Checks that the optimizer belongs to the model; returns a reader of its settings as they are at that moment. */
export function optimizerOf(optimizer: Optimizer, owner: ModelHandle): () => NativeOptimizer {
  const read = typeof optimizer === 'object' && optimizer !== null ? readOptimizer(optimizer) : undefined
  if (read === undefined) throw typeError('an Adam or Sgd', 'optimizer', optimizer)
  if (read.owner !== owner) throw typeError("an optimizer of this model, not another's", 'optimizer', optimizer)
  return () => readOptimizer(optimizer)?.current ?? read.current
}
