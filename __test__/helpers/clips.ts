/** Folders of clips, made for one test: removed when the process ends. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import { chunk, npy, riff, wavFormat } from './files'
import { FolderDataset } from 'zoetrope'
import type { FolderDatasetOptions } from 'zoetrope'

const root = mkdtempSync(join(tmpdir(), 'zoetrope-clips-'))
process.once('exit', () => rmSync(root, { recursive: true, force: true }))
let folders = 0

/** Writes files by their paths below a new folder; returns that folder. */
export function folderOf(files: Readonly<Record<string, Uint8Array | string>>): string {
  const folder = join(root, `${folders++}`)
  mkdirSync(folder)
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), bytes)
  }
  return folder
}

/** Opens a folder and prints nothing. */
export async function openQuietly(path: string, options: FolderDatasetOptions = {}): Promise<FolderDataset> {
  return FolderDataset.open(path, { print: false, ...options })
}

/** A .npy of float32, `[time, features]`; value t · 10 + f at time t of feature f, plus `base`. */
export function ramp(time: number, features: number, base = 0): Buffer {
  const values = Float32Array.from({ length: time * features }, (_, at) => {
    return base + 10 * Math.floor(at / features) + (at % features)
  })
  return npy('<f4', [time, features], new Uint8Array(values.buffer))
}

/** A WAV of 16 bits, one channel, 8000 Hz unless said otherwise. */
export function wav(samples: readonly number[], rate = 8000): Buffer {
  const format = wavFormat(1, 1, 16)
  format.writeUInt32LE(rate, 4)
  const data = Int16Array.from(samples, (sample) => Math.round(sample * 32767))
  return riff([chunk('fmt ', format), chunk('data', new Uint8Array(data.buffer))])
}

/** A tone of some seconds. */
export function tone(frequency: number, seconds: number, rate = 8000): number[] {
  return Array.from(
    { length: Math.round(seconds * rate) },
    (_, at) => 0.5 * Math.sin((2 * Math.PI * frequency * at) / rate),
  )
}

/** A PNG of `[height, width, channels]`: 1 channel is grey, 3 are RGB. */
export function png(
  width: number,
  height: number,
  channels: 1 | 3,
  pixel: (x: number, y: number, c: number) => number,
): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, channels === 1 ? 0 : 2, 0, 0, 0], 8)
  const rows = Buffer.alloc(height * (1 + width * channels)) //      a row begins with its filter, 0
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < channels; c++) rows[y * (1 + width * channels) + 1 + x * channels + c] = pixel(x, y, c)
  const part = (name: string, bytes: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(name, 'latin1'), bytes])
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(bytes.length)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, sum])
  }
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([
    signature,
    part('IHDR', header),
    part('IDAT', deflateSync(rows)),
    part('IEND', Buffer.alloc(0)),
  ])
}
