import { checkInteger, checkNumber, checkObject, checkOptions, rangeError, typeError } from '../common/checks'
import { ignoreRejection } from '../common/callbacks'
import { EpochMemory } from './epoch-memory'
import { modelHandle } from '../model/cnn-lstm'
import { checkSchedule } from './schedule'
import type { AnyCnnLstm } from '../model/cnn-lstm'
import type { ModelHandle } from '../model/handle'
import type { NativeGroup, NativeOptimizer, NativeRule } from '../native'
import type { Schedule } from './schedule'
import type { ScheduleRun } from './schedule-run'

/** Options that every optimizer has; `Own` are the hyper-parameters of its rule. */
export interface OptimizerOptions<Own> {
  /**
   * Other hyper-parameters for the parameters whose names begin with a prefix, such as `'cnn.'`. A prefix that ends in
   * a number means that number only. The longest prefix that fits is taken. The group takes every other hyper-parameter
   * from the optimizer. These are PyTorch's parameter groups. Default none.
   */
  readonly groups?: readonly (Own & { readonly prefix: string })[] | undefined
  /** The learning rate as a function of the step; it is applied to the rate of each group. Default {@link constant}. */
  readonly schedule?: Schedule | undefined
}

/** The hyper-parameters of a rule as given; those that a rule does not have are refused before. */
export interface HyperParameters {
  readonly learningRate?: number | undefined
  readonly weightDecay?: number | undefined
  readonly betas?: readonly [number, number] | undefined
  readonly alpha?: number | undefined
  readonly eps?: number | undefined
  readonly momentum?: number | undefined
  readonly nesterov?: boolean | undefined
  readonly centered?: boolean | undefined
}

/** A kind of optimizer: its rule with PyTorch's defaults, and its options. */
export interface Kind {
  readonly defaults: NativeRule
  readonly keys: readonly string[]
}

/** The defaults of a rule's numbers and flags that it does not have. */
export const NO_HYPER_PARAMETERS = {
  weightDecay: 0,
  beta1: 0,
  beta2: 0,
  eps: 0,
  momentum: 0,
  nesterov: false,
  centered: false,
}

/** A group; without a rate of its own it follows the optimizer's. */
interface Group extends NativeGroup {
  readonly learningRate: number | undefined
}

/** The optimizer's part of a step for the engine. */
export interface OptimizerState {
  readonly native: Pick<NativeOptimizer, 'id' | 'rule' | 'groups'>
  /** Of the parameters in no group. */
  readonly learningRate: number
}

/** The private half of an optimizer. */
export interface OptimizerHandle {
  /** How it stands at this moment, for the next update of a run. */
  readonly current: (run: ScheduleRun) => OptimizerState
  /** Counts updates that were handed to the engine, or takes back those that it did not make. */
  readonly count: (updates: number) => void
  readonly steps: () => number
  readonly id: number
  /** The epochs of `fit` that it has done. */
  readonly epochs: EpochMemory
}

let created = 0
/** An optimizer's state lies in native memory: it goes when JavaScript's collector has taken the optimizer. */
const collected = new FinalizationRegistry<{ owner: WeakRef<ModelHandle>; id: number }>(({ owner, id }) =>
  owner.deref()?.forgetOptimizer(id),
)
let readOptimizer: (optimizer: Optimizer) => { owner: ModelHandle; handle: OptimizerHandle } | undefined

/**
 * How a model's parameters follow their gradients: `Adam`, `AdamW`, `Sgd` or `RMSprop`. Its state
 * lives with the model.
 */
export abstract class Optimizer {
  readonly #owner: ModelHandle
  readonly #id = ++created
  readonly #rule: NativeRule
  readonly #groups: readonly Group[]
  readonly #schedule: Schedule | undefined
  readonly #epochs = new EpochMemory()
  readonly #handle: OptimizerHandle = {
    id: this.#id,
    epochs: this.#epochs,
    current: (run) => this.#current(run),
    count: (updates) => {
      this.#steps += updates
    },
    steps: () => this.#steps,
  }
  #learningRate: number
  #steps = 0

  static {
    readOptimizer = (optimizer) =>
      #owner in optimizer ? { owner: optimizer.#owner, handle: optimizer.#handle } : undefined
  }

  /** @internal */
  protected constructor(
    model: AnyCnnLstm,
    options: HyperParameters & OptimizerOptions<HyperParameters>,
    { defaults, keys }: Kind,
  ) {
    this.#owner = modelHandle(model)
    options = checkOptions(options, 'options', [...keys, 'groups', 'schedule'])
    const { groups, schedule, ...own } = options
    this.#rule = checkRule(own, defaults, '')
    this.#learningRate = this.#rule.learningRate
    this.#groups = checkGroups(groups, this.#rule, keys, this.#owner)
    this.#schedule = schedule === undefined ? undefined : checkSchedule(schedule, 'schedule')
    collected.register(this, { owner: new WeakRef(this.#owner), id: this.#id })
  }

  /**
   * Size of a step, before a schedule. May be set at any time: steps that are handed to the model later use it. Set in
   * `onBatch` of step k, it holds from step k + 2, because one more step is under way by then. Groups that have a rate of
   * their own keep it.
   */
  get learningRate(): number {
    return this.#learningRate
  }

  set learningRate(learningRate: number) {
    this.#learningRate = checkNumber(learningRate, 'learningRate', 0)
  }

  /**
   * Updates made so far: the step that `schedule` is asked for next. To be set when an earlier run is taken up again in
   * another process. `fit` with `initialEpoch` sets it to what it was after that epoch, where this optimizer has done it.
   */
  get steps(): number {
    return this.#steps
  }

  set steps(steps: number) {
    this.#steps = checkInteger(steps, 'steps', 0, Number.MAX_SAFE_INTEGER)
    this.#epochs.forgetSteps()
  }

  #current(run: ScheduleRun): OptimizerState {
    const rate = (base: number): number => {
      if (this.#schedule === undefined) return base
      const scheduled: unknown = this.#schedule(this.#steps, base, run)
      if (typeof scheduled === 'object') ignoreRejection(scheduled) //       of an async function, which is refused
      return checkNumber(scheduled, `schedule(${this.#steps}, ${base})`, 0)
    }
    const learningRate = rate(this.#learningRate)
    const groups = this.#groups.map(({ prefix, rule, learningRate: own }) => ({
      prefix,
      rule: { ...rule, learningRate: own === undefined ? learningRate : rate(own) },
    }))
    return { learningRate, native: { id: this.#id, rule: { ...this.#rule, learningRate }, groups } }
  }
}

/** Checks that the optimizer belongs to the model; returns its private half. */
export function optimizerHandle(optimizer: Optimizer, owner: ModelHandle): OptimizerHandle {
  const read = typeof optimizer === 'object' && optimizer !== null ? readOptimizer(optimizer) : undefined
  if (read === undefined) throw typeError('an optimizer, such as an Adam,', 'optimizer', optimizer)
  if (read.owner !== owner) throw typeError("an optimizer of this model, not another's", 'optimizer', optimizer)
  return read.handle
}

/** Checks hyper-parameters; those that are not given are those of `base`. `at` stands before their names in errors. */
function checkRule(given: HyperParameters, base: NativeRule, at: string): NativeRule {
  const number = (value: unknown, otherwise: number, name: string, below?: number): number =>
    value === undefined ? otherwise : checkNumber(value, at + name, 0, below)
  const flag = (value: unknown, otherwise: boolean, name: string): boolean => {
    if (value === undefined || typeof value === 'boolean') return value ?? otherwise
    throw typeError('a boolean', at + name, value)
  }
  const { betas = [base.beta1, base.beta2] } = given
  if (!Array.isArray(betas)) throw typeError('two numbers', `${at}betas`, betas)
  if (Object.keys(betas).length !== 2) throw rangeError('two numbers', `${at}betas`, betas)
  const rule = {
    kind: base.kind,
    learningRate: number(given.learningRate, base.learningRate, 'learningRate'),
    weightDecay: number(given.weightDecay, base.weightDecay, 'weightDecay'),
    beta1: checkNumber(betas[0], `${at}betas[0]`, 0, 1),
    beta2: number(given.alpha, checkNumber(betas[1], `${at}betas[1]`, 0, 1), 'alpha', 1),
    eps: number(given.eps, base.eps, 'eps'),
    momentum: number(given.momentum, base.momentum, 'momentum'),
    nesterov: flag(given.nesterov, base.nesterov, 'nesterov'),
    centered: flag(given.centered, base.centered, 'centered'),
  }
  if (rule.nesterov && rule.momentum === 0)
    throw rangeError('a number above 0 with nesterov', `${at}momentum`, rule.momentum)
  return rule
}

function checkGroups(
  groups: OptimizerOptions<HyperParameters>['groups'],
  base: NativeRule,
  keys: readonly string[],
  owner: ModelHandle,
): Group[] {
  if (groups === undefined) return []
  if (!Array.isArray(groups)) throw typeError('an array of groups', 'groups', groups)
  const names = owner.native.parameterNames
  if (groups.length > names.length)
    throw rangeError(`at most ${names.length} groups, one for each parameter`, 'groups', groups)
  const seen = new Set<string>()
  return Array.from({ length: groups.length }, (_, index) => {
    const group: HyperParameters & { readonly prefix: string } = groups[index]
    const name = `groups[${index}]`
    checkObject(group, name)
    const { prefix, ...own } = checkOptions(group, name, ['prefix', ...keys])
    if (typeof prefix !== 'string') throw typeError("the beginning of parameters' names", `${name}.prefix`, prefix)
    if (!names.some((parameter) => parameter.startsWith(prefix))) {
      throw rangeError(`the beginning of a parameter's name (${prefixes(names)})`, `${name}.prefix`, prefix)
    }
    if (seen.has(prefix)) throw rangeError('a prefix that no other group has', `${name}.prefix`, prefix)
    seen.add(prefix)
    return { prefix, learningRate: own.learningRate, rule: checkRule(own, base, `${name}.`) }
  })
}

/** Every prefix of the names that ends with a dot: `cnn., cnn.conv1., …`. */
function prefixes(names: readonly string[]): string {
  const found = new Set<string>()
  for (const name of names) {
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) found.add(name.slice(0, dot + 1))
  }
  return [...found].toSorted().join(', ')
}
