/** How the samples of a WAV file are written. */
export interface PcmFormat {
  readonly isFloat: boolean
  readonly sampleRate: number
  readonly channels: number
  readonly bits: number
}

/** Where samples go: `[channels, frames]`. */
export interface Recorded {
  readonly data: Float32Array
  readonly frames: number
}

/** Writes whole frames of interleaved samples to `recorded` from frame `first` on, integers scaled to −1…1. */
export function decodePcm(
  bytes: Uint8Array,
  { isFloat, channels, bits }: PcmFormat,
  { data, frames }: Recorded,
  first: number,
): void {
  const read = reader(bytes, isFloat, bits)
  const width = bits / 8
  const count = bytes.length / (channels * width)
  for (let channel = 0; channel < channels; channel++) {
    const start = channel * frames + first
    for (let frame = 0; frame < count; frame++) data[start + frame] = read((frame * channels + channel) * width)
  }
}

function reader(bytes: Uint8Array, isFloat: boolean, bits: number): (at: number) => number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (isFloat) return bits === 32 ? (at) => view.getFloat32(at, true) : (at) => view.getFloat64(at, true)
  if (bits === 8) return (at) => (view.getUint8(at) - 128) / 128 //   8 bits have no sign
  if (bits === 16) return (at) => view.getInt16(at, true) / 2 ** 15
  if (bits === 24) return (at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 2 ** 16) / 2 ** 23
  return (at) => view.getInt32(at, true) / 2 ** 31
}
