/**
 * Learning rates as pure functions of the step: an optimizer's `schedule` is asked before every update. Each equals
 * PyTorch's scheduler of the name that stands beside it, with `scheduler.step()` called after every update.
 */
import {
  checkInteger,
  checkNumber,
  checkOptions,
  checkOneOf,
  checkBoolean,
  rangeError,
  typeError,
} from '../common/checks'
import type { ScheduleRun } from './schedule-run'

/**
 * The learning rate of an update.
 *
 * @param step - Updates that the optimizer has made before, from 0.
 * @param learningRate - The rate that the optimizer, or the group of parameters, has without a schedule.
 * @param run - The run of `fit` or `train` in which the update is made.
 */
export type Schedule = (step: number, learningRate: number, run: ScheduleRun) => number

/** The same rate for ever: `ConstantLR(factor=1)`. */
export function constant(): Schedule {
  return (_step, learningRate) => learningRate
}

/** Options of {@link stepDecay}. */
export interface StepDecayOptions {
  /** Updates between two changes. PyTorch's `step_size`. */
  readonly stepSize: number
  /** Factor of each change. Default 0.1. */
  readonly gamma?: number | undefined
}

/** `StepLR`: learningRate · gamma^⌊step / stepSize⌋. */
export function stepDecay(options: StepDecayOptions): Schedule {
  options = checkOptions(options, 'options', ['stepSize', 'gamma'])
  const stepSize = checkInteger(options.stepSize, 'stepSize', 1)
  const { gamma = 0.1 } = options
  checkNumber(gamma, 'gamma', 0)
  return (step, learningRate) => learningRate * gamma ** Math.floor(step / stepSize)
}

/** Options of {@link cosine}. */
export interface CosineOptions {
  /** Updates to the lowest rate. PyTorch's `T_max`. Default the updates of the run of `fit`. */
  readonly tMax?: number | undefined
  /** The lowest rate. PyTorch's `eta_min`. Default 0. */
  readonly etaMin?: number | undefined
}

/** `CosineAnnealingLR`: etaMin + (learningRate − etaMin) · (1 + cos(π · step / tMax)) / 2. */
export function cosine(options: CosineOptions = {}): Schedule {
  options = checkOptions(options, 'options', ['tMax', 'etaMin'])
  const { tMax, etaMin = 0 } = options
  if (tMax !== undefined) checkInteger(tMax, 'tMax', 1)
  checkNumber(etaMin, 'etaMin', 0)
  return (step, learningRate, run) => {
    const length = tMax ?? totalSteps(run, 'tMax')
    return etaMin + ((learningRate - etaMin) * (1 + Math.cos((Math.PI * step) / length))) / 2
  }
}

/** Options of {@link oneCycle}, PyTorch's defaults. */
export interface OneCycleOptions {
  /** Updates of the whole cycle; the rate stays where it ends. Default the updates of the run of `fit`. */
  readonly totalSteps?: number | undefined
  /** Share of the cycle in which the rate grows. Default 0.3. */
  readonly pctStart?: number | undefined
  /** The curve between two rates. Default `'cos'`. */
  readonly annealStrategy?: 'cos' | 'linear' | undefined
  /** The cycle begins with learningRate / divFactor. Default 25. */
  readonly divFactor?: number | undefined
  /** The cycle ends with its first rate / finalDivFactor. Default 1e4. */
  readonly finalDivFactor?: number | undefined
  /** Whether the rate falls as fast as it grew, and only then to its end. Default false. */
  readonly threePhase?: boolean | undefined
}

const ONE_CYCLE_KEYS = ['totalSteps', 'pctStart', 'annealStrategy', 'divFactor', 'finalDivFactor', 'threePhase']

/**
 * `OneCycleLR` without cycling momentum; the learning rate of the optimizer or group is the largest, `max_lr`. A phase
 * without width, where PyTorch divides by zero, is at its end at once.
 */
export function oneCycle(options: OneCycleOptions = {}): Schedule {
  options = checkOptions(options, 'options', ONE_CYCLE_KEYS)
  const { totalSteps: wanted, pctStart = 0.3, annealStrategy = 'cos', threePhase = false } = options
  const { divFactor = 25, finalDivFactor = 1e4 } = options
  if (wanted !== undefined) checkInteger(wanted, 'totalSteps', 1)
  if (checkNumber(pctStart, 'pctStart', 0) > 1) throw rangeError('a number in [0, 1]', 'pctStart', pctStart)
  const curve = CURVES[checkOneOf(annealStrategy, 'annealStrategy', ['cos', 'linear'])]
  for (const [name, value] of Object.entries({ divFactor, finalDivFactor })) {
    if (checkNumber(value, name, 0) === 0) throw rangeError('a number above 0', name, value)
  }
  checkBoolean(threePhase, 'threePhase')
  return (step, learningRate, run) => {
    const total = wanted ?? totalSteps(run, 'totalSteps')
    const first = learningRate / divFactor
    const last = first / finalDivFactor
    const top = pctStart * total - 1
    const phases = threePhase
      ? [
          { end: top, from: first, to: learningRate },
          { end: 2 * pctStart * total - 2, from: learningRate, to: first },
          { end: total - 1, from: first, to: last },
        ]
      : [
          { end: top, from: first, to: learningRate },
          { end: total - 1, from: learningRate, to: last },
        ]
    let begin = 0
    for (const { end, from, to } of phases) {
      if (step <= end) return end === begin ? to : curve(from, to, (step - begin) / (end - begin))
      begin = end
    }
    return last
  }
}

/** Options of {@link warmup}. */
export interface WarmupOptions {
  /** The share of the rate with which it begins. PyTorch's `start_factor`. Default 1/3. */
  readonly startFactor?: number | undefined
}

/**
 * A linear way up in front of another schedule: `SequentialLR([LinearLR(total_iters=steps), inner], [steps])`.
 *
 * @param steps - Updates until `inner` begins, at its step 0.
 */
export function warmup(steps: number, inner: Schedule = constant(), options: WarmupOptions = {}): Schedule {
  checkInteger(steps, 'steps', 1)
  checkSchedule(inner, 'inner')
  options = checkOptions(options, 'options', ['startFactor'])
  const { startFactor = 1 / 3 } = options
  if (checkNumber(startFactor, 'startFactor', 0) > 1) throw rangeError('a number in [0, 1]', 'startFactor', startFactor)
  return (step, learningRate, run) => {
    if (step < steps) return learningRate * (startFactor + ((1 - startFactor) * step) / steps)
    const total = run.totalSteps === undefined ? undefined : Math.max(run.totalSteps - steps, 1)
    return inner(step - steps, learningRate, { ...run, totalSteps: total })
  }
}

/** Checks that an argument is a function that can be a schedule. */
export function checkSchedule(schedule: Schedule, name: string): Schedule {
  if (typeof schedule === 'function') return schedule
  throw typeError('a schedule, such as cosine()', name, schedule)
}

const CURVES = {
  cos: (from: number, to: number, part: number): number => to + ((from - to) / 2) * (1 + Math.cos(Math.PI * part)),
  linear: (from: number, to: number, part: number): number => (to - from) * part + from,
}

function totalSteps({ totalSteps: total }: ScheduleRun, option: string): number {
  if (total !== undefined) return total
  throw new RangeError(
    `Expected \`${option}\` of the schedule outside of \`fit\` or where the loader has no length, received undefined`,
  )
}
