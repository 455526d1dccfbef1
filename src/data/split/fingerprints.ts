import { createHash } from 'node:crypto'
import { checkGroupId } from './group-ids'
import { dataError } from '../data-error'
import { checkNdArray } from '../../common/nd-array'
import { scan } from '../scan'
import { SIGNATURE_LENGTH, writeSignature } from './signature'
import { origin } from '../subset'
import type { Dataset } from '../dataset'
import type { NdArray } from '../../common/nd-array'
import type { GroupBy, GroupId } from './group-ids'
import type { ScanOptions } from '../scan'
import type { Signatures } from './near'

/** The values by which the samples of two splits are compared. */
export interface Fingerprints {
  readonly name: string
  /** Of type, shape and values of each clip. */
  readonly hashes: readonly string[]
  /** Of each sample; none without `by`. */
  readonly groups: readonly GroupId[]
  /** `[clips, 256]`; none where near clips are not looked for. */
  readonly signatures: Signatures
}

interface FingerprintOptions extends ScanOptions {
  /** How many samples there are. */
  readonly length: number
  readonly by: GroupBy | undefined
  readonly hasSignatures: boolean
}

/** Reads every sample of a split once. */
export async function readFingerprints(
  name: string,
  dataset: Dataset,
  options: FingerprintOptions,
): Promise<Fingerprints> {
  const { length, by, hasSignatures } = options
  const hashes: string[] = []
  const groups: GroupId[] = []
  const signatures = new Float32Array(hasSignatures ? length * SIGNATURE_LENGTH : 0)
  await scan(
    dataset,
    length,
    (sample, index) => {
      const input = checkInput(sample.input, index)
      hashes[index] = hashOf(input)
      if (hasSignatures)
        writeSignature(input, signatures.subarray(index * SIGNATURE_LENGTH, (index + 1) * SIGNATURE_LENGTH))
      const { index: at } = origin(dataset, index)
      if (by !== undefined) groups[index] = checkGroupId(typeof by === 'function' ? by(sample, at) : by[at], at)
    },
    options,
  )
  return { name, hashes, groups, signatures }
}

function checkInput(input: NdArray, index: number): NdArray {
  try {
    return checkNdArray(input, 'input')
  } catch (cause) {
    throw dataError(index, cause)
  }
}

/** 128 bits: two of 10¹² different clips are alike once in 10¹⁴ data sets. */
function hashOf({ data, shape }: NdArray): string {
  const hash = createHash('sha256').update(`${data.BYTES_PER_ELEMENT} ${shape.join()} `).update(data)
  return hash.digest().toString('latin1', 0, 16)
}
