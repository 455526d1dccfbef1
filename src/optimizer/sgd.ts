import { NO_HYPER_PARAMETERS, Optimizer } from './optimizer'
import type { AnyCnnLstm } from '../model/cnn-lstm'
import type { Kind, OptimizerOptions } from './optimizer'

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

const SGD: Kind = {
  defaults: { ...NO_HYPER_PARAMETERS, kind: 'sgd', learningRate: 1e-3 },
  keys: ['learningRate', 'momentum', 'nesterov', 'weightDecay'],
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
