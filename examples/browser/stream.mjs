/** An exported file of a stream: frame by frame, the state of the frames before goes in again. */
import { Tensor } from '/onnxruntime-web/ort.wasm.min.mjs'

const NEXT = 'next_'

export class Stream {
  #session
  #state

  constructor(session) {
    this.#session = session
    this.reset()
  }

  /** Begins a new clip: every state is zero. */
  reset() {
    const states = this.#session.inputMetadata.filter(({ name }) => name !== 'clips')
    this.#state = Object.fromEntries(
      states.map(({ name, shape }) => {
        const dims = shape.map((size) => (typeof size === 'number' ? size : 1)) // one stream
        const length = dims.reduce((product, size) => product * size, 1)
        return [name, new Tensor('float32', new Float32Array(length), dims)]
      }),
    )
  }

  /** The probabilities after a frame of `[channels, height, width]`, bytes. */
  async push(frame, sizes) {
    const clips = new Tensor('uint8', frame, [1, 1, ...sizes])
    const results = await this.#session.run({ clips, ...this.#state })
    const next = Object.entries(results).filter(([name]) => name.startsWith(NEXT))
    this.#state = Object.fromEntries(next.map(([name, value]) => [name.slice(NEXT.length), value]))
    return results.probabilities.data
  }
}
