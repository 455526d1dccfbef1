/** The optimizers, with the names, rules and defaults of `torch.optim`. */
import { Optimizer } from './optimizer'
import type { AnyCnnLstm } from '../model/cnn-lstm'
import type { Kind, OptimizerOptions } from './optimizer'

/** Hyper-parameters of {@link Adam}, PyTorch's defaults. */
export interface AdamHyperParameters {
  /** PyTorch's `lr`. Default 1e-3. */
  readonly learningRate?: number | undefined
  /** Decay of the running means of the gradient and of its square, each in [0, 1). Default `[0.9, 0.999]`. */
  readonly betas?: readonly [number, number] | undefined
  /** Added to the denominator. Default 1e-8. */
  readonly eps?: number | undefined
  /** L2 penalty, added to the gradient: `weight_decay`. Default 0. */
  readonly weightDecay?: number | undefined
}

/** Options of {@link Adam}. */
export interface AdamOptions extends AdamHyperParameters, OptimizerOptions<AdamHyperParameters> {}

/** Hyper-parameters of {@link AdamW}, PyTorch's defaults. */
export interface AdamWHyperParameters {
  /** PyTorch's `lr`. Default 1e-3. */
  readonly learningRate?: number | undefined
  /** Decay of the running means of the gradient and of its square, each in [0, 1). Default `[0.9, 0.999]`. */
  readonly betas?: readonly [number, number] | undefined
  /** Added to the denominator. Default 1e-8. */
  readonly eps?: number | undefined
  /** Share of the learning rate by which parameters shrink at each step: `weight_decay`. Default 1e-2. */
  readonly weightDecay?: number | undefined
}

/** Options of {@link AdamW}. */
export interface AdamWOptions extends AdamWHyperParameters, OptimizerOptions<AdamWHyperParameters> {}

/** Hyper-parameters of {@link Sgd}, PyTorch's defaults. */
export interface SgdHyperParameters {
  /** PyTorch's `lr`. Default 1e-3. */
  readonly learningRate?: number | undefined
  /** Default 0. */
  readonly momentum?: number | undefined
  /** Nesterov's momentum; needs a momentum above 0. Default false. */
  readonly nesterov?: boolean | undefined
  /** L2 penalty, added to the gradient: `weight_decay`. Default 0. */
  readonly weightDecay?: number | undefined
}

/** Options of {@link Sgd}. */
export interface SgdOptions extends SgdHyperParameters, OptimizerOptions<SgdHyperParameters> {}

/** Hyper-parameters of {@link RMSprop}, PyTorch's defaults. */
export interface RMSpropHyperParameters {
  /** PyTorch's `lr`. Default 1e-2. */
  readonly learningRate?: number | undefined
  /** Decay of the running mean of the gradient's square, in [0, 1). Default 0.99. */
  readonly alpha?: number | undefined
  /** Added to the denominator. Default 1e-8. */
  readonly eps?: number | undefined
  /** L2 penalty, added to the gradient: `weight_decay`. Default 0. */
  readonly weightDecay?: number | undefined
  /** Default 0. */
  readonly momentum?: number | undefined
  /** Whether the gradient is divided by its deviation rather than by its root mean square. Default false. */
  readonly centered?: boolean | undefined
}

/** Options of {@link RMSprop}. */
export interface RMSpropOptions extends RMSpropHyperParameters, OptimizerOptions<RMSpropHyperParameters> {}

const NONE = { weightDecay: 0, beta1: 0, beta2: 0, eps: 0, momentum: 0, nesterov: false, centered: false }
const ADAM_NUMBERS = { ...NONE, learningRate: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8 }
const ADAM_KEYS = ['learningRate', 'betas', 'eps', 'weightDecay']

const ADAM: Kind = { defaults: { ...ADAM_NUMBERS, kind: 'adam' }, keys: ADAM_KEYS }
const ADAM_W: Kind = { defaults: { ...ADAM_NUMBERS, kind: 'adamW', weightDecay: 1e-2 }, keys: ADAM_KEYS }
const SGD: Kind = {
  defaults: { ...NONE, kind: 'sgd', learningRate: 1e-3 },
  keys: ['learningRate', 'momentum', 'nesterov', 'weightDecay'],
}
const RMS_PROP: Kind = {
  defaults: { ...NONE, kind: 'rmsProp', learningRate: 1e-2, beta2: 0.99, eps: 1e-8 },
  keys: ['learningRate', 'alpha', 'eps', 'weightDecay', 'momentum', 'centered'],
}

/** Adam (Kingma and Ba, 2015), as PyTorch computes it: `torch.optim.Adam`. */
export class Adam extends Optimizer {
  /**
   * @throws {TypeError} For an option of a wrong type, or one that does not exist.
   * @throws {RangeError} For a value out of range or NaN, or a group that no parameter is in.
   */
  constructor(model: AnyCnnLstm, options: AdamOptions = {}) {
    super(model, options, ADAM)
  }
}

/** Adam with weight decay apart from the gradient (Loshchilov and Hutter, 2019): `torch.optim.AdamW`. */
export class AdamW extends Optimizer {
  /**
   * @throws {TypeError} For an option of a wrong type, or one that does not exist.
   * @throws {RangeError} For a value out of range or NaN, or a group that no parameter is in.
   */
  constructor(model: AnyCnnLstm, options: AdamWOptions = {}) {
    super(model, options, ADAM_W)
  }
}

/** Stochastic gradient descent with momentum, as PyTorch computes it: `torch.optim.SGD` with dampening 0. */
export class Sgd extends Optimizer {
  /**
   * @throws {TypeError} For an option of a wrong type, or one that does not exist.
   * @throws {RangeError} For a value out of range or NaN, `nesterov` without momentum, or a group that no parameter is in.
   */
  constructor(model: AnyCnnLstm, options: SgdOptions = {}) {
    super(model, options, SGD)
  }
}

/** RMSprop (Tieleman and Hinton, 2012; centered: Graves, 2013), as PyTorch computes it: `torch.optim.RMSprop`. */
export class RMSprop extends Optimizer {
  /**
   * @throws {TypeError} For an option of a wrong type, or one that does not exist.
   * @throws {RangeError} For a value out of range or NaN, or a group that no parameter is in.
   */
  constructor(model: AnyCnnLstm, options: RMSpropOptions = {}) {
    super(model, options, RMS_PROP)
  }
}
