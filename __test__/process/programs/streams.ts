/** Streams that are dropped, or one that goes on: prints how the memory grew. */
import { printGrowth } from '../../helpers/growth'
import { SIDE, toyModel } from '../../helpers/toy'

const frame = { data: new Uint8Array(SIDE * SIDE), shape: [1, SIDE, SIDE] }
const AT_ONCE = 100

async function main(): Promise<void> {
  const [way] = process.argv.splice(2, 1)
  await using model = await toyModel({ lstm: { hiddenSize: 512 }, pooling: 'attention' }) //    8 KiB of state a stream
  const stream = model.stream()
  await printGrowth(async () => {
    if (way === 'one') {
      for (let push = 0; push < AT_ONCE; push++) await stream.push(frame)
      return
    }
    await model.pushAll(Array.from({ length: AT_ONCE }, () => [model.stream(), frame] as const))
    globalThis.gc?.()
    await new Promise(setImmediate) //    finalizers run in a turn of their own
  })
}

void main()
