import { NO_HYPER_PARAMETERS, Optimizer } from './optimizer'
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

const NUMBERS = { ...NO_HYPER_PARAMETERS, learningRate: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8 }
const KEYS = ['learningRate', 'betas', 'eps', 'weightDecay']
const ADAM: Kind = { defaults: { ...NUMBERS, kind: 'adam' }, keys: KEYS }
const ADAM_W: Kind = { defaults: { ...NUMBERS, kind: 'adamW', weightDecay: 1e-2 }, keys: KEYS }

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
