/** Every section by its name, in the order in which they run: `(context) → { rows, raw }`. */
import { contention } from './contention.mjs'
import { eventLoop } from './event-loop.mjs'
import { facade } from './facade.mjs'
import { files } from './files.mjs'
import { inference } from './inference.mjs'
import { latency } from './latency.mjs'
import { lengths } from './lengths.mjs'
import { load } from './load.mjs'
import { memory } from './memory.mjs'
import { networks } from './networks.mjs'
import { onnx } from './onnx.mjs'
import { random } from './random.mjs'
import { scaling } from './scaling.mjs'
import { stream } from './stream.mjs'
import { train } from './train.mjs'

export const sections = {
  train,
  inference,
  latency,
  stream,
  facade,
  'event-loop': eventLoop,
  memory,
  networks,
  random,
  lengths,
  files,
  contention,
  scaling,
  load,
  onnx,
}
