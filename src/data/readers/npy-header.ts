import { formatShape } from '../../common/nd-array'
import { describe } from '../../common/checks'
import { KNOWN_DTYPES, parseDtype } from './dtype'
import { fileError, formatBytes } from './file-error'
import type { ByteSource } from './bytes'
import type { Dtype } from './dtype'

/** The header of a .npy file. */
export interface NpyHeader {
  readonly dtype: Dtype
  /** The size of each axis, slowest first; none for a single value. */
  readonly shape: readonly number[]
  /** Values in the array. */
  readonly length: number
  /** Whether the first axis is the contiguous one. */
  readonly isFortranOrder: boolean
  /** Where the values begin, in bytes. */
  readonly offset: number
}

const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59) //   \x93NUMPY
const PREFIX_BYTES = 10 //                                           magic, version, length of 2 bytes
const MAX_TEXT = 65_535 //                                           NumPy writes some hundred
const PAIR = /\s*(['"])(\w+)\1\s*:\s*(?:(['"])([^'"]*)\3|(True|False)|\(([\d\s,L-]*)\)|(\[[^]*\]))\s*(,|$)/y

/** Whether a file begins as NumPy's arrays do. */
export async function isNpy(source: ByteSource): Promise<boolean> {
  if (source.length < MAGIC.length) return false
  const start = await source.read(0, MAGIC.length)
  return MAGIC.every((byte, at) => byte === start[at])
}

/** Reads and checks the header: magic, version 1 to 3, type, and a shape that fits the file to the byte. */
export async function readNpyHeader(source: ByteSource): Promise<NpyHeader> {
  const { place } = source
  const prefix = await source.read(0, PREFIX_BYTES)
  if (MAGIC.some((byte, at) => byte !== prefix[at])) {
    const expected = `a .npy file's first bytes, ${formatBytes(MAGIC)},`
    throw fileError({ ...place, offset: 0 }, expected, formatBytes(prefix.subarray(0, MAGIC.length)))
  }
  const [major = 0, minor = 0] = prefix.subarray(6)
  if (major < 1 || major > 3 || minor !== 0) {
    throw fileError({ ...place, offset: 6 }, 'version 1.0, 2.0 or 3.0', `${major}.${minor}`)
  }
  const start = major === 1 ? PREFIX_BYTES : PREFIX_BYTES + 2
  const view = new DataView((await source.read(8, start - 8)).buffer)
  const length = major === 1 ? view.getUint16(0, true) : view.getUint32(0, true)
  if (length > MAX_TEXT) throw fileError({ ...place, offset: 8 }, `a header of at most ${MAX_TEXT} bytes`, `${length}`)
  const text = Buffer.from(await source.read(start, length)).toString(major === 3 ? 'utf8' : 'latin1')
  return toHeader(source, parseDictionary(source, text, start), start, start + length)
}

type Dictionary = ReadonlyMap<string, string | boolean | readonly number[]>

/** Python's `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`: these three keys in any order. */
function parseDictionary({ place }: ByteSource, text: string, start: number): Dictionary {
  const dictionary = new Map<string, string | boolean | readonly number[]>()
  const inner = /^\s*\{([^]*)\}\s*$/.exec(text)?.[1]
  if (inner === undefined) throw fileError({ ...place, offset: start }, "Python's { … } as header", describe(text))
  const body = inner.trimEnd()
  PAIR.lastIndex = 0
  while (PAIR.lastIndex < body.length) {
    const at = PAIR.lastIndex
    const match = PAIR.exec(body)
    const [, , key = '', , quoted, boolean, tuple, list] = match ?? []
    if (match === null || dictionary.has(key)) {
      throw fileError(
        { ...place, offset: start },
        "'descr', 'fortran_order' and 'shape', once,",
        describe(body.slice(at)),
      )
    }
    if (tuple !== undefined) dictionary.set(key, toSizes(tuple))
    else dictionary.set(key, quoted ?? list ?? boolean === 'True')
  }
  return dictionary
}

function toSizes(tuple: string): readonly number[] {
  const sizes = tuple.split(',').map((size) => size.trim().replace(/L$/, '')) //  Python 2 wrote 3L
  if (sizes.at(-1) === '') sizes.pop()
  return sizes.map((size) => (size === '' ? NaN : Number(size)))
}

function toHeader(source: ByteSource, dictionary: Dictionary, start: number, offset: number): NpyHeader {
  const { place } = source
  const unexpected = [...dictionary.keys()].find((key) => !['descr', 'fortran_order', 'shape'].includes(key))
  if (unexpected !== undefined) {
    throw fileError(
      { ...place, offset: start },
      "no other key than 'descr', 'fortran_order' and 'shape'",
      describe(unexpected),
    )
  }
  const [description, isFortranOrder, shape] = ['descr', 'fortran_order', 'shape'].map((key) => dictionary.get(key))
  const dtype = typeof description === 'string' ? parseDtype(description) : undefined
  if (dtype === undefined) {
    throw fileError({ ...place, offset: start }, `values of ${KNOWN_DTYPES} in 'descr'`, describe(description))
  }
  if (typeof isFortranOrder !== 'boolean') {
    throw fileError({ ...place, offset: start }, "True or False in 'fortran_order'", describe(isFortranOrder))
  }
  if (!isShape(shape)) throw fileError({ ...place, offset: start }, "sizes in 'shape'", describe(shape))
  const length = shape.reduce((product, size) => product * size, 1)
  if (length * dtype.size !== source.length - offset) {
    const expected = `${length * dtype.size} bytes for shape ${formatShape(shape)} of ${dtype.name}`
    throw fileError({ ...place, offset }, expected, `${source.length - offset}`)
  }
  return { dtype, shape, length, isFortranOrder, offset }
}

function isShape(shape: unknown): shape is readonly number[] {
  return Array.isArray(shape) && shape.length <= 64 && shape.every((size) => Number.isSafeInteger(size) && size >= 0)
}
