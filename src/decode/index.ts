/**
 * What a program needs around an exported model, without native code and without Node: pixels into the input, outputs into
 * answers. It runs in browsers and edge functions beside `onnxruntime-web`, and the package itself uses the same code.
 *
 * @packageDocumentation
 */
export { classification, multiLabel } from './answers.js'
export { decodeCtc } from './ctc.js'
export { readOnnxMetadata } from './metadata.js'
export { toPlanes } from './pixels.js'
export { sigmoid, softmax } from './probabilities.js'
export { writeStrings } from './write-strings.js'

export type { MultiLabelPrediction, Prediction } from './answers.js'
export type { CtcOptions, CtcSpan, LabelString } from './ctc.js'
export type { OnnxMetadata } from './metadata.js'
export type { Image } from './pixels.js'
export type { OnnxSession, OnnxTensor, WriteOptions, WrittenString } from './write-strings.js'
