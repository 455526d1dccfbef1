/** What an exported file says of itself. Runtimes for browsers do not hand it on, so it is read from the bytes. */

/** The metadata of an exported file. */
export interface OnnxMetadata {
  /** The names of the classes or labels, in order. */
  readonly classes: readonly string[]
  /** The model's whole configuration. */
  readonly config: Readonly<Record<string, unknown>>
  /** What the file expects as `clips`. */
  readonly input: {
    /** Such as `batch, time, channels, height, width`. */
    readonly axes: string
    /** The sizes of the axes behind time. */
    readonly sizes: readonly number[]
    readonly type: 'float32' | 'uint8'
    /** What the values are, in words. */
    readonly values: string
    /** Whether there is an input `lengths`. */
    readonly lengths: boolean
    /** Whether a state goes in and out. */
    readonly streaming: boolean
  }
  /** Zoetrope's version. */
  readonly version: string
}

/** Fields of ONNX's ModelProto and StringStringEntryProto. */
const METADATA = 14
const [KEY, VALUE] = [1, 2]
const PREFIX = 'zoetrope.'
const [VARINT, LENGTH, FIXED32, FIXED64] = [0, 2, 5, 1]

/**
 * Reads the metadata of a file that `exportOnnx()` wrote. Weights are skipped, not read.
 *
 * @throws {RangeError} For bytes that are no such file.
 */
export function readOnnxMetadata(file: Uint8Array): OnnxMetadata {
  const entries = new Map<string, unknown>()
  for (const [field, content] of fields(file)) {
    if (field !== METADATA) continue
    const texts = new Map(Array.from(fields(content), ([part, text]) => [part, new TextDecoder().decode(text)]))
    const key = texts.get(KEY) ?? ''
    if (key.startsWith(PREFIX)) entries.set(key.slice(PREFIX.length), texts.get(VALUE) ?? '')
  }
  const json = (key: string): unknown => JSON.parse(String(entries.get(key)))
  try {
    const metadata = {
      classes: json('classes'),
      config: json('config'),
      input: json('input'),
      version: entries.get('version'),
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- exportOnnx() wrote it
    return metadata as OnnxMetadata
  } catch {
    throw new RangeError('Expected an ONNX file that Zoetrope exported, received other bytes')
  }
}

/** The fields of a message that have a length, with their bytes. */
function* fields(message: Uint8Array): Generator<readonly [number, Uint8Array]> {
  let at = 0
  /** Seven bits a byte, the lowest first. By multiplication: lengths may have more than 31 bits. */
  const varint = (): number => {
    let [value, scale] = [0, 1]
    for (;;) {
      const byte = message[at++]
      if (byte === undefined) throw new RangeError('Expected an ONNX file, received one that ends early')
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 0x80
    }
  }
  while (at < message.length) {
    const key = varint()
    const [field, wire] = [Math.floor(key / 8), key % 8]
    if (wire === VARINT) varint()
    else if (wire === FIXED32) at += 4
    else if (wire === FIXED64) at += 8
    else if (wire === LENGTH) {
      const length = varint()
      yield [field, message.subarray(at, at + length)]
      at += length
    } else throw new RangeError('Expected an ONNX file, received other bytes')
  }
}
