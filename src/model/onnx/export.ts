/** A model into an ONNX file, and the proof that the file answers as the model does. */
import { AbortScope } from '../../common/abort'
import { ZoetropeError, unwrap } from '../../errors'
import { native } from '../../native'
import { hasOutputsPerFrame } from '../../config/head/kind'
import { TOLERANCE, compare, findRuntime, readTokens, runFile } from './proof'
import { randomProbes } from './probes'
import type { ModelConfig } from '../../config/model'
import type { NativeOnnxFile } from '../../native'
import type { ModelHandle } from '../handle'
import type { CheckedOnnxOptions, Probe } from './options'

/** What {@link CnnLstm.exportOnnx} found. */
export interface OnnxExport {
  /**
   * The largest difference between an output of the file and of the model, divided by the largest output of the model on
   * the clips compared. `undefined` where nothing was compared.
   */
  readonly largestDifference: number | undefined
  /** The number of clips that were compared: 0 without `onnxruntime-node`, or with `verify: false`. */
  readonly clips: number
}

const UNCHECKED: OnnxExport = { largestDifference: undefined, clips: 0 }

/** The file, or the two of a token sequence, is written beside its path, compared there, and put at its path. Otherwise it is removed. */
export async function exportOnnx(
  handle: ModelHandle,
  config: ModelConfig,
  path: string,
  options: CheckedOnnxOptions,
): Promise<OnnxExport> {
  handle.checkUsable()
  const scope = new AbortScope(options.signal)
  try {
    scope.throwIfAborted()
    const runtime = options.verify ? findRuntime() : undefined
    const { probe, streaming, inputType, lengths, softmax } = options
    const own = probe === undefined ? [] : [probe]
    const probes = runtime === undefined ? [] : [...randomProbes(config, options), ...own]
    const batches = probes.map(({ data, shape, lengths: valid }) =>
      unwrap(native().NativeBatch.fromArrays(data, [...shape], valid, null)),
    )
    const settings = JSON.stringify({ streaming, inputType, lengths, softmax })
    const file = await handle.run((model) => model.exportOnnx(path, settings, batches))
    try {
      scope.throwIfAborted()
      const result =
        runtime === undefined
          ? notInstalled(options)
          : await prove(file, { runtime, config, path, options, probes, scope })
      unwrap(await file.persist())
      return result
    } finally {
      file.discard()
    }
  } finally {
    scope.release()
  }
}

interface Proof {
  readonly runtime: string
  readonly config: ModelConfig
  readonly path: string
  readonly options: CheckedOnnxOptions
  readonly probes: readonly Probe[]
  readonly scope: AbortScope
}

/** Throws unless the file answers as the model does. */
async function prove(
  file: NativeOnnxFile,
  { runtime, config, path, options, probes, scope }: Proof,
): Promise<OnnxExport> {
  const answers = file.takeAnswers()
  const decoder = file.temporaryDecoderPath
  const strings = decoder === null ? undefined : { decoder, tokens: answers.map(readTokens) }
  const order = { runtime, file: file.temporaryPath, probes, streaming: options.streaming, strings }
  const result = await runFile({ ...order, isPerFrame: hasOutputsPerFrame(config.head) }, scope)
  if ('failure' in result) {
    if (result.isRuntimeMissing) return unchecked(`onnxruntime-node does not load: ${result.failure}`)
    throw refused(path, `onnxruntime-node does not run it: ${result.failure}`, {})
  }
  const lengths = probes.map((probe) => probe.lengths)
  const { largest, otherAnswers } = compare(result.outputs, answers, config.head, lengths)
  const facts = { largestDifference: largest, otherAnswers }
  if (largest === Infinity) throw refused(path, 'it gives numbers where the model gives none, or the reverse', facts)
  if (largest > TOLERANCE) {
    throw refused(
      path,
      `it differs from the model by ${largest.toExponential(2)}, at most ${TOLERANCE} is rounding`,
      facts,
    )
  }
  if (otherAnswers > 0) throw refused(path, `it answers ${otherAnswers} clips with another class`, facts)
  return { largestDifference: largest, clips: probes.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0) }
}

function notInstalled({ verify }: CheckedOnnxOptions): OnnxExport {
  return verify ? unchecked('onnxruntime-node is not installed') : UNCHECKED
}

function unchecked(reason: string): OnnxExport {
  process.emitWarning(
    `The ONNX file was not compared with the model: ${reason}. \`verify: false\` says that this is meant`,
    {
      type: 'ZoetropeWarning',
      code: 'ZOETROPE_ONNX_UNCHECKED',
    },
  )
  return UNCHECKED
}

function refused(path: string, reason: string, facts: object): ZoetropeError {
  return new ZoetropeError('ERR_CHECKPOINT', `Cannot export to ${path}: ${reason}`, { path, ...facts })
}
