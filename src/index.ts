/**
 * Trains and runs CNN-LSTM models in Node: a CNN reads each frame of a clip, an LSTM reads the frames in order, and a
 * head gives the answer.
 *
 * Importing the package loads neither the addon nor libtorch. The first call that needs them loads both.
 *
 * @packageDocumentation
 */
export { accuracyByFrames } from './evaluation/accuracy-by-frames'
export { accuracySvg } from './evaluation/accuracy-svg'
export { audit } from './audit/audit'
export { DataLoader } from './data/data-loader'
export { TensorDataset } from './data/dataset'
export { ERROR_CODES, ZoetropeError } from './errors'
export { FolderDataset } from './files/folder-dataset'
export { fit } from './training/fit'
export { logMel } from './data/log-mel'
export { CnnLstm } from './model/cnn-lstm'
export { normalization } from './data/normalization'
export { Adam, AdamW } from './optimizer/adam'
export { RMSprop } from './optimizer/rmsprop'
export { Sgd } from './optimizer/sgd'
export { reduceOnPlateau } from './optimizer/plateau'
export { readNpy, readNpz } from './data/readers/npy'
export { readCsv } from './data/readers/csv'
export { NpyArray } from './data/readers/npy-array'
export { NpyDataset, NpzDataset } from './data/readers/streamed-dataset'
export { readTs } from './data/readers/ts'
export { readWav } from './data/readers/wav'
export { getNumThreads, isCudaAvailable, manualSeed, setNumThreads } from './runtime'
export { balancedWeights } from './data/sampling'
export { constant, cosine, oneCycle, stepDecay, warmup } from './optimizer/schedule'
export { checkLeakage } from './data/split/leakage'
export { split } from './data/split/split'
export { Subset } from './data/subset'
export { windows } from './data/windows'
export { test } from './evaluation/test'
export { writeReport } from './report/write'
export { train } from './training/train'

export type { AuditOptions } from './audit/audit'
export type { Finding, FindingCode, FindingLevel } from './audit/finding'
export type { AugmentOptions } from './data/augment'
export type { Batch } from './data/collate'
export type { DataLoaderOptions } from './data/data-loader'
export type { DataSource } from './data/data-source'
export type { Dataset, Sample, TensorDatasetOptions } from './data/dataset'
export type { ErrorCode } from './errors'
export type { EpochRecord, FitOptions } from './training/fit-options'
export type { FeatureCacheOptions } from './training/fit-features'
export type { FeatureCacheUse } from './model/feature-cache'
export type { ClipSource } from './files/folder-dataset'
export type { SkippedClip } from './files/contents'
export type { TargetKind } from './files/catalog'
export type {
  ArrayFolderOptions,
  CacheOptions,
  CommonFolderOptions,
  FolderDatasetOptions,
  FrameFolderOptions,
  SoundFolderOptions,
  TableFolderOptions,
} from './files/options'
export type { GroupRule } from './files/groups'
export type { FitRun } from './training/fit-run'
export type { EarlyStoppingOptions, EmaOptions } from './training/fit-weights'
export type { MetricName } from './evaluation/metric-names'
export type { ReduceOnPlateauOptions } from './optimizer/plateau'
export type { ClassMetrics, RegressionMetrics, StringMetrics, Timing } from './evaluation/metrics'
export type { LogMelOptions, Recording } from './data/log-mel'
export type { LossOptions } from './model/loss'
export type { AnyCnnLstm, LabelStringOptions, PredictOptions } from './model/cnn-lstm'
export type { ClipOptions } from './model/clip-options'
export type { ForecastOptions, SampleOptions } from './model/forecast'
export type { BeamOptions, Decode, LabelSpan, LabelStringPrediction } from './model/label-strings'
export type { GenerateOptions, Generated, GenerationStrategy, TokenOptions } from './model/generation'
export type { LabelsSoFar } from './model/labels-so-far'
export type { ClipStream, StreamAnswerOf } from './model/stream'
export type { FloatArray, NdArray } from './common/nd-array'
export type { NormalizationOptions } from './data/normalization'
export type { CommonModelOptions, Device, ModelConfig, ModelOptions } from './config/model'
export type { Backbone } from './config/backbone'
export type { Activation, CnnBlockConfig, CnnBlockOptions, GlobalPool, Norm } from './config/cnn'
export type {
  ClassHeadOptions,
  ClipClassification,
  ClipForecast,
  HeadConfig,
  HeadOf,
  HeadOptions,
  HeadType,
  RegressionHeadOptions,
  RegressionLoss,
  TokenSequence,
} from './config/head'
export type { ForecastConfig, ForecastHeadOptions, ForecastLoss, ForecastMode } from './config/head/forecast'
export type { HeadKind, HeadPer } from './config/head/kind'
export type { Pooling } from './config/head/pooling'
export type { CtcHeadOptions, SequenceConfig, SequenceHeadOptions } from './config/head/strings'
export type { FrameInput, InputOptions, VectorInput } from './config/input'
export type { LstmConfig, LstmOptions } from './config/lstm'
export type { NormalizeOptions } from './config/normalize'
export type { LoadOptions, LoadResult } from './model/load-options'
export type { OnnxExport } from './model/onnx/export'
export type { OnnxInputType, OnnxOptions } from './model/onnx/options'
export type {
  ArrayPreprocessing,
  ClipKind,
  FramesPreprocessing,
  Preprocessing,
  ResizeFilter,
  ResizeMode,
  SoundPreprocessing,
  TablePreprocessing,
  TimingPreprocessing,
} from './config/preprocessing'
export type { Optimizer, OptimizerOptions } from './optimizer/optimizer'
export type { AdamHyperParameters, AdamOptions, AdamWHyperParameters, AdamWOptions } from './optimizer/adam'
export type { RMSpropHyperParameters, RMSpropOptions } from './optimizer/rmsprop'
export type { SgdHyperParameters, SgdOptions } from './optimizer/sgd'
export type { AccuracyByFramesOptions, PrefixAccuracy } from './evaluation/accuracy-by-frames'
export type { AccuracySvgOptions } from './evaluation/accuracy-svg'
export type { BatchReport } from './evaluation/pass'
export type {
  AnswerOf,
  ForecastPrediction,
  MultiLabelPrediction,
  Prediction,
  PredictionOf,
  RegressionPrediction,
} from './model/predictions'
export type { ForecastErrors, ForecastErrorsByStep, ForecastMetrics } from './evaluation/forecast-metrics'
export type { CsvFile, ReadCsvOptions } from './data/readers/csv'
export type { DtypeName, NpyData } from './data/readers/dtype'
export type { ReadNpzOptions } from './data/readers/npy'
export type { NpyDatasetOptions, NpzDatasetOptions, StreamedDataset } from './data/readers/streamed-dataset'
export type { ReadTsOptions, TsFile, TsSample } from './data/readers/ts'
export type { WavFile } from './data/readers/wav'
export type { CosineOptions, OneCycleOptions, Schedule, StepDecayOptions, WarmupOptions } from './optimizer/schedule'
export type { ScheduleRun } from './optimizer/schedule-run'
export type { GroupBy, GroupId } from './data/split/group-ids'
export type { Leak, LeakageOptions, LeakageReport, SampleRef } from './data/split/leakage'
export type { ScanOptions, ScanProgress } from './data/scan'
export type { SplitOptions } from './data/split/split'
export type { IntegerArray, Target } from './data/targets'
export type { TeacherForcing } from './training/teacher-forcing'
export type {
  AnyTestResult,
  CommonTestResult,
  ForecastTestResult,
  StringTestResult,
  TestOptions,
  TestResult,
  TestResultOf,
} from './evaluation/test'
export type { Calibration, CalibrationBin } from './report/calibration'
export type {
  Mistake,
  MistakePicture,
  RegressionPoints,
  ReportData,
  ReportLeakage,
  ReportPart,
  SkippedFile,
} from './report/data'
export type { ObservedEpoch } from './observer'
export type { FitReportOptions } from './report/fit-report'
export type { LogOptions } from './logs/options'
export type { Interval } from './report/interval'
export type { Machine } from './report/machine'
export type { Occlusion } from './report/occlusion'
export type { ReportOptions, ReportTexts } from './report/options'
export type { Ranking } from './report/ranking'
export type { TrainOptions, TrainResult } from './training/train'
export type { WindowsOptions } from './data/windows'
