/**
 * Trains, proves and ships CNN-LSTMs in Node: frames → CNN → LSTM → answer.
 *
 * Importing it loads neither the addon nor libtorch: the first call that needs them does.
 *
 * @packageDocumentation
 */
export { audit } from './audit/audit'
export { DataLoader } from './data-loader'
export { TensorDataset } from './dataset'
export { ERROR_CODES, ZoetropeError } from './errors'
export { fit } from './fit'
export { logMel } from './log-mel'
export { CnnLstm } from './model'
export { normalization } from './normalization'
export { Adam, AdamW, RMSprop, Sgd } from './optimizers'
export { reduceOnPlateau } from './plateau'
export { readNpy, readNpz } from './readers/npy'
export { NpyArray } from './readers/npy-array'
export { NpyDataset, NpzDataset } from './readers/streamed-dataset'
export { readTs } from './readers/ts'
export { readWav } from './readers/wav'
export { getNumThreads, isCudaAvailable, manualSeed, setNumThreads } from './runtime'
export { balancedWeights } from './sampling'
export { constant, cosine, oneCycle, stepDecay, warmup } from './schedule'
export { checkLeakage } from './split/leakage'
export { split } from './split/split'
export { Subset } from './split/subset'
export { test } from './test'
export { train } from './train'

export type { AuditOptions } from './audit/audit'
export type { Finding, FindingCode, FindingLevel } from './audit/finding'
export type { AugmentOptions } from './augment'
export type { Batch } from './collate'
export type { DataLoaderOptions } from './data-loader'
export type { DataSource } from './data-source'
export type { Dataset, Sample, TensorDatasetOptions } from './dataset'
export type { ErrorCode } from './errors'
export type { EpochRecord, FitOptions } from './fit'
export type { FitRun } from './fit-run'
export type { EarlyStoppingOptions, EmaOptions } from './fit-weights'
export type { MetricName } from './metric-names'
export type { ReduceOnPlateauOptions } from './plateau'
export type { ClassMetrics, RegressionMetrics, Timing } from './metrics'
export type { LogMelOptions, Recording } from './log-mel'
export type { LossOptions } from './loss'
export type { AnyCnnLstm, ClipOptions } from './model'
export type { FloatArray, NdArray } from './nd-array'
export type { NormalizationOptions } from './normalization'
export type { Device, ModelConfig, ModelOptions } from './options'
export type { Activation, CnnBlockConfig, CnnBlockOptions, GlobalPool, Norm } from './options/cnn'
export type {
  ClassHeadOptions,
  ClipClassification,
  HeadConfig,
  HeadKind,
  HeadOf,
  HeadOptions,
  HeadPer,
  HeadType,
  Pooling,
  RegressionHeadOptions,
} from './options/head'
export type { FrameInput, InputOptions, VectorInput } from './options/input'
export type { LstmConfig, LstmOptions } from './options/lstm'
export type { NormalizeOptions } from './options/normalize'
export type { Optimizer, OptimizerOptions } from './optimizer'
export type {
  AdamHyperParameters,
  AdamOptions,
  AdamWHyperParameters,
  AdamWOptions,
  RMSpropHyperParameters,
  RMSpropOptions,
  SgdHyperParameters,
  SgdOptions,
} from './optimizers'
export type { BatchReport } from './pass'
export type { MultiLabelPrediction, Prediction, PredictionOf, RegressionPrediction } from './predictions'
export type { DtypeName, NpyData } from './readers/dtype'
export type { ReadNpzOptions } from './readers/npy'
export type { NpyDatasetOptions, NpzDatasetOptions, StreamedDataset } from './readers/streamed-dataset'
export type { ReadTsOptions, TsFile, TsSample } from './readers/ts'
export type { WavFile } from './readers/wav'
export type { CosineOptions, OneCycleOptions, Schedule, StepDecayOptions, WarmupOptions } from './schedule'
export type { ScheduleRun } from './schedule-run'
export type { GroupBy, GroupId } from './split/group-ids'
export type { Leak, LeakageOptions, LeakageReport, SampleRef } from './split/leakage'
export type { ScanOptions, ScanProgress } from './split/scan'
export type { SplitOptions } from './split/split'
export type { IntegerArray, Target } from './targets'
export type { TestOptions, TestResult } from './test'
export type { TrainOptions, TrainResult } from './train'
