/** Leaves while streams run, with pushes under way. */
import { SIDE, toyModel } from '../../helpers/toy'

async function main(): Promise<void> {
  const model = await toyModel({ lstm: { hiddenSize: 256 } })
  const streams = Array.from({ length: 3 }, () => model.stream())
  const frame = { data: new Uint8Array(SIDE * SIDE), shape: [1, SIDE, SIDE] }
  for (const stream of streams) await stream.push(frame)
  if (process.argv[2] === 'exit') {
    for (const stream of streams) void stream.push(frame)
    void model.pushAll(streams.map((stream) => [stream, frame] as const))
    process.exit(7)
  }
}

void main()
