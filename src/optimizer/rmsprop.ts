import { NO_HYPER_PARAMETERS, Optimizer } from './optimizer'
import type { AnyCnnLstm } from '../model/cnn-lstm'
import type { Kind, OptimizerOptions } from './optimizer'

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

const RMS_PROP: Kind = {
  defaults: { ...NO_HYPER_PARAMETERS, kind: 'rmsProp', learningRate: 1e-2, beta2: 0.99, eps: 1e-8 },
  keys: ['learningRate', 'alpha', 'eps', 'weightDecay', 'momentum', 'centered'],
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
