/** What a report shows, as data: everything but the pictures is plain JSON. */
import type { Calibration } from './calibration'
import type { Interval } from './interval'
import type { Machine } from './machine'
import type { Occlusion } from './occlusion'
import type { Ranking } from './ranking'
import type { Finding } from '../audit/finding'
import type { ModelConfig } from '../config/model'
import type { PrefixAccuracy } from '../evaluation/accuracy-by-frames'
import type { MetricName } from '../evaluation/metric-names'
import type { ObservedEpoch, TestedFigures } from '../observer'

/** A part of the data. */
export interface ReportPart {
  readonly name: string
  readonly samples: number
  /** How often each class or label is a target; absent for numbers, and of very large parts. */
  readonly classCounts?: readonly number[]
}

/** A clip that was answered wrong, or with a large error. */
export interface Mistake {
  /** In the dataset. */
  readonly index: number
  readonly name: string
  readonly target: string
  readonly answer: string
  /** Mean loss over its answers; absent of label strings. */
  readonly loss?: number
  /** Edits for each label of the target, of label strings. */
  readonly errorRate?: number
  readonly frames: number
  /** The picture as a `data:` address; absent where the clip could not be read again. */
  readonly picture?: MistakePicture
  readonly occlusion?: readonly Occlusion[]
}

export interface MistakePicture {
  readonly kind: 'film' | 'values'
  readonly address: string
  readonly width: number
  readonly height: number
  readonly frames: readonly number[]
}

/** How often clips are shared by two parts. */
export interface ReportLeakage {
  readonly groups: number
  readonly identical: number
  readonly nearIdentical: number
  /** Whether groups were compared too. */
  readonly hasGroups: boolean
}

/** A file that was left out of the data, and why. */
export interface SkippedFile {
  readonly path: string
  readonly reason: string
}

/** A target and the answer of a regression. */
export interface RegressionPoints {
  readonly output: number
  /** `[target, answer]` of each. */
  readonly points: readonly (readonly [number, number])[]
}

/** What {@link writeReport} gathered and wrote. */
export interface ReportData {
  readonly title: string
  /** When, in ISO 8601. */
  readonly created: string
  /** Which data the answers are for: `'test'`, `'validation'`, … */
  readonly part: string
  readonly model: {
    readonly config: ModelConfig
    readonly classes: readonly string[]
    readonly parameters: number
    /** SHA-256 of the weights' names and values. */
    readonly hash: string
  }
  readonly data: {
    /** SHA-256 of clips and targets that were answered. */
    readonly hash: string
    /** Clips that were looked at one by one: all, unless there are very many. */
    readonly samples: number
  }
  /** Just what `test` gives for this model and data. */
  readonly result: TestedFigures
  /** Of the accuracy; absent for numbers, and for heads whose answers are not looked at one by one. */
  readonly interval?: Interval
  readonly calibration?: Calibration
  readonly rankings: readonly Ranking[]
  readonly byFrames: readonly PrefixAccuracy[]
  readonly mistakes: readonly Mistake[]
  /** The mean over some clips of what covering each tenth of a clip changes. */
  readonly occlusion?: { readonly clips: number; readonly changes: readonly number[] }
  readonly regression: readonly RegressionPoints[]
  /** Valid frames of each clip. */
  readonly lengths: readonly number[]
  readonly parts: readonly ReportPart[]
  readonly leakage?: ReportLeakage
  readonly history: readonly ObservedEpoch[]
  readonly best?: MetricName
  readonly findings: readonly Finding[]
  readonly skipped: readonly SkippedFile[]
  readonly settings: Readonly<Record<string, unknown>>
  readonly command?: string
  readonly machine: Machine
}
