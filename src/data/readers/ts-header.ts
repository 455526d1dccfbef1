import { describe } from '../../common/checks'
import { fileError } from './file-error'
import type { Place } from './file-error'
import type { Pace } from './pieces'

const COST_OF_A_LABEL = 64 //       the work of a label, in bytes of text

/** The contents of the lines before `@data`. */
export interface TsHeader {
  readonly problemName: string
  /** The index of each label. */
  readonly classes: ReadonlyMap<string, number>
  /** Values in each step, where the header tells. */
  readonly channels: number | undefined
  readonly isEqualLength: boolean
  /** Steps of every sample, where the header tells. */
  readonly seriesLength: number | undefined
}

/** Collects the header of a `.ts` file line by line. Names are known in any case; unknown ones are left out. */
export class TsHeaderReader {
  readonly #pace: Pace
  #problemName = ''
  #classes: ReadonlyMap<string, number> | undefined
  #channels: number | undefined
  #isUnivariate = false
  #isEqualLength = false
  #seriesLength: number | undefined

  constructor(pace: Pace) {
    this.#pace = pace
  }

  /** Takes one line; true for `@data`, which is the last. */
  async read(place: Place, line: string): Promise<boolean> {
    const [, name = '', value = ''] = /^@(\w+)\s*([^]*)$/.exec(line) ?? []
    switch (name.toLowerCase()) {
      case '':
        throw fileError(place, "a header line that begins with '@', or a comment with '#',", describe(line))
      case 'data':
        return true
      case 'problemname':
        this.#problemName = value
        break
      case 'timestamps':
        if (toBoolean(place, name, value)) throw fileError(place, 'series without time stamps', `@${name} ${value}`)
        break
      case 'univariate':
        this.#isUnivariate = toBoolean(place, name, value)
        break
      case 'dimension':
      case 'dimensions':
        this.#channels = toCount(place, name, value)
        break
      case 'equallength':
        this.#isEqualLength = toBoolean(place, name, value)
        break
      case 'serieslength':
        this.#seriesLength = toCount(place, name, value)
        break
      case 'classlabel':
        this.#classes = await readClasses(place, value, this.#pace)
        break
      case 'targetlabel':
        if (toBoolean(place, name, value)) throw fileError(place, 'class labels', `@${name}: a file for regression`)
        break
      default: //                            as @missing: '?' is read wherever it comes
    }
    return false
  }

  /** The header, when `@data` has come at `place`. */
  finish(place: Place): TsHeader {
    if (this.#classes === undefined) throw fileError(place, 'a line @classLabel before @data', 'none')
    const channels = this.#channels ?? (this.#isUnivariate ? 1 : undefined)
    if (this.#isUnivariate && channels !== 1) {
      throw fileError(place, 'one dimension, because of @univariate true', `@dimensions ${channels}`)
    }
    return {
      problemName: this.#problemName,
      classes: this.#classes,
      channels,
      isEqualLength: this.#isEqualLength,
      seriesLength: this.#seriesLength,
    }
  }
}

function toBoolean(place: Place, name: string, value: string): boolean {
  const lower = value.toLowerCase()
  if (lower !== 'true' && lower !== 'false') throw fileError(place, `true or false behind @${name}`, describe(value))
  return lower === 'true'
}

function toCount(place: Place, name: string, value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value)) throw fileError(place, `a positive integer behind @${name}`, describe(value))
  return Number(value)
}

async function readClasses(place: Place, value: string, pace: Pace): Promise<ReadonlyMap<string, number>> {
  const [, hasLabels = '', labels = ''] = /^(\S*)([^]*)$/.exec(value) ?? []
  if (!toBoolean(place, 'classLabel', hasLabels))
    throw fileError(place, 'a file with class labels', '@classLabel false')
  const classes = new Map<string, number>()
  for (const [label] of labels.matchAll(/\S+/g)) {
    if (classes.has(label)) throw fileError(place, 'each label once', `${describe(label)} again`)
    classes.set(label, classes.size)
    await pace.spend(COST_OF_A_LABEL)
  }
  if (classes.size === 0) throw fileError(place, 'the labels behind @classLabel true', 'none')
  return classes
}
