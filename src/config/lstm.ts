/** The recurrent part: its options, and their check. */
import { checkBoolean, checkInteger, checkNumber, checkOneOf, checkOptions } from '../common/checks'
import { LARGEST } from './sizes'

/** The LSTM, or GRU, over the frames' features. */
export interface LstmOptions {
  /** The kind of layer: `'lstm'` is `torch.nn.LSTM`, `'gru'` is `torch.nn.GRU`. Default `'lstm'`. */
  readonly cell?: 'lstm' | 'gru' | undefined
  /** Size of the hidden state of each direction. Default 128. */
  readonly hiddenSize?: number | undefined
  /** Number of layers on top of each other. Default 1. */
  readonly numLayers?: number | undefined
  /** Share of values that training drops between layers, in [0, 1). With one layer it does nothing. Default 0. */
  readonly dropout?: number | undefined
  /** Whether a second LSTM reads the frames backwards, from each clip's own last frame. Default false. */
  readonly bidirectional?: boolean | undefined
}

/** {@link LstmOptions} with every default filled in. */
export interface LstmConfig {
  readonly cell: 'lstm' | 'gru'
  readonly hiddenSize: number
  readonly numLayers: number
  readonly dropout: number
  readonly bidirectional: boolean
}

export function checkLstm(options: LstmOptions): LstmConfig {
  options = checkOptions(options, 'lstm', ['cell', 'hiddenSize', 'numLayers', 'dropout', 'bidirectional'])
  const { cell = 'lstm', hiddenSize = 128, numLayers = 1, dropout = 0, bidirectional = false } = options
  const lstm = {
    cell: checkOneOf(cell, 'lstm.cell', ['lstm', 'gru']),
    hiddenSize: checkInteger(hiddenSize, 'lstm.hiddenSize', 1, LARGEST),
    numLayers: checkInteger(numLayers, 'lstm.numLayers', 1, LARGEST),
    dropout: checkNumber(dropout, 'lstm.dropout', 0, 1),
    bidirectional: checkBoolean(bidirectional, 'lstm.bidirectional'),
  }
  if (lstm.dropout > 0 && lstm.numLayers === 1) warnAboutDropout()
  return lstm
}

let hasWarnedAboutDropout = false

function warnAboutDropout(): void {
  if (hasWarnedAboutDropout) return
  hasWarnedAboutDropout = true
  process.emitWarning('lstm.dropout acts between layers: with numLayers 1 it does nothing', {
    type: 'ZoetropeWarning',
    code: 'ZOETROPE_DROPOUT_UNUSED',
  })
}
