/** What was found in a folder, in a few lines. */
import type { Preprocessing } from '../config/preprocessing'
import type { Catalog } from './catalog'
import type { PassedOver } from './walk'

/** What a description tells. */
export interface Described {
  readonly path: string
  readonly catalog: Catalog
  readonly samples: number
  readonly preprocessing: Preprocessing
  readonly skipped: readonly PassedOver[]
  /** Columns that have one value everywhere. */
  readonly constant: readonly string[]
}

const MOST_SHOWN = 10

export function describeDataset(described: Described): string {
  const { path, catalog, samples, preprocessing, skipped, constant } = described
  const { clips, groups, kind, passedOver, passedOverCount } = catalog
  const what =
    samples === clips.length
      ? counted(samples, 'clip')
      : `${counted(samples, 'sample')} of ${counted(clips.length, 'clip')}`
  const lines = [
    `${path}: ${what} of kind '${kind}' ${formatTargets(catalog)}`,
    `  ${formatInput(preprocessing)}`,
    `  ${counted(new Set(groups.ids).size, 'group')}: ${groups.rule}`,
  ]
  if (passedOverCount > 0)
    lines.push(`  passed over: ${passedOverCount} (${listed(passedOver.map(formatPassed), 3, passedOverCount)})`)
  if (skipped.length > 0)
    lines.push(
      `  skipped: ${skipped.length} (${listed(
        skipped.map((entry) => entry.reason),
        3,
      )})`,
    )
  if (constant.length > 0) lines.push(`  constant columns, from which nothing can be learned: ${listed(constant)}`)
  return lines.join('\n')
}

function formatTargets({ classes, targetKind }: Catalog): string {
  if (targetKind === 'numbers') return 'with targets'
  const named = `${counted(classes.length, 'class', 'classes')} (${listed(classes)})`
  return targetKind === 'class' ? `in ${named}` : `with strings of labels of ${named}`
}

function formatInput(preprocessing: Preprocessing): string {
  const { timeSteps, maxFrames, fps, stride } = preprocessing
  const time = timeSteps ?? (maxFrames === null ? 'time' : `time ≤ ${maxFrames}`)
  const { shape, how } = formatStep(preprocessing)
  const taken = [how, fps === null ? '' : `${fps} frames a second`, stride === 1 ? '' : `1 of ${stride} frames`]
  const told = taken.filter((part) => part !== '').join(', ')
  return `samples of [${[time, ...shape].join(', ')}]${told === '' ? '' : `: ${told}`}`
}

function formatStep(preprocessing: Preprocessing): { readonly shape: readonly number[]; readonly how: string } {
  switch (preprocessing.kind) {
    case 'frames': {
      const { channels, size, resize, filter } = preprocessing
      return { shape: [channels, size.height, size.width], how: resize === null ? '' : `${resize}, ${filter}` }
    }
    case 'sound': {
      const { logMel, channels, sampleRate } = preprocessing
      if (logMel === null) return { shape: [channels], how: `samples at ${sampleRate} Hz` }
      return { shape: [logMel.mels], how: `log-mel of ${sampleRate} Hz, a frame every ${logMel.hopLength} samples` }
    }
    case 'table':
      return { shape: [preprocessing.columns.length], how: listed(preprocessing.columns) }
    case 'array':
      return { shape: preprocessing.step, how: '' }
  }
}

function formatPassed({ path, reason }: PassedOver): string {
  return `'${path}': ${reason}`
}

function listed(entries: readonly string[], most = MOST_SHOWN, count = entries.length): string {
  const shown = entries.slice(0, most).join(', ')
  return count > most ? `${shown}, … ${count - most} more` : shown
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}
