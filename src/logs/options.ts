import { checkBoolean, checkInteger, checkOptions, checkPath, isPath } from '../common/checks'

/** Options of event files for TensorBoard. */
export interface LogOptions {
  /** The folder of the run. It gets a folder `train`, and `validation` where there is such data. */
  readonly directory: string | URL
  /** Whether each epoch's weights are written as histograms. Default false. */
  readonly histograms?: boolean | undefined
  /** How many clips are written as pictures when the run begins. Default 4. */
  readonly clips?: number | undefined
}

export interface CheckedLogs {
  readonly directory: string
  readonly histograms: boolean
  readonly clips: number
}

const MOST_CLIPS = 1000

/** Checks `logs`: a path alone is the directory. */
export function checkLogs(logs: string | URL | LogOptions): CheckedLogs {
  const isDirectory = isPath(logs)
  const given = isDirectory ? { directory: logs } : checkOptions(logs, 'logs', ['directory', 'histograms', 'clips'])
  const { directory, histograms = false, clips = 4 } = given
  return {
    directory: checkPath(directory, isDirectory ? 'logs' : 'logs.directory'),
    histograms: checkBoolean(histograms, 'logs.histograms'),
    clips: checkInteger(clips, 'logs.clips', 0, MOST_CLIPS),
  }
}
