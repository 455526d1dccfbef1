// What `npm start` runs: both examples in turn, and whether they reached what they should. `npm start -- --epochs 10`
import { mkdir } from 'node:fs/promises'
import path from 'node:path'

import { runProgram, UserError } from './lib/program.mjs'
import { percent } from './lib/report.mjs'
import { trainMnist } from './mnist.mjs'
import { chance, motionEpochs, trainMotion } from './motion.mjs'

await runProgram(import.meta.url, { epochs: 3 }, async ({ epochs, tiny, save, ...options }) => {
  const directory = save ?? (tiny ? 'models/tiny' : 'models')
  await mkdir(directory, { recursive: true })
  options.signal.addEventListener('abort', () => console.log(`What was learned so far is saved in ${directory}`))

  console.log('1. Handwritten digits, each a sequence of one frame (MNIST)\n')
  const mnistFile = path.join(directory, 'zoetrope-mnist.safetensors')
  const mnist = await trainMnist({ ...options, epochs, tiny, save: mnistFile })

  console.log('\n2. Moving digits: four motions that only the order of the frames tells apart\n')
  const motionFile = path.join(directory, 'zoetrope-motion.safetensors')
  const motion = await trainMotion({ ...options, epochs: tiny ? 1 : motionEpochs, tiny, save: motionFile })

  console.log(`
MNIST, accuracy on the test digits     ${percent(mnist.accuracy)}
Motion, accuracy on the test clips     ${percent(motion.accuracy)}
Motion, with the frames shuffled       ${percent(motion.shuffled)} (chance is ${percent(chance)})
Training                               ${(mnist.seconds + motion.seconds).toFixed(1)} s
Saved                                  ${mnistFile}
                                       ${motionFile}`)
  if (tiny) return

  // Fewer than three epochs are for trying things out: they promise nothing.
  const promised = epochs >= 10 ? 0.99 : epochs >= 3 ? 0.985 : 0
  const missed = [
    mnist.accuracy < promised && `MNIST: expected at least ${percent(promised)} after ${epochs} epochs`,
    motion.accuracy < 0.97 && `Motion: expected at least ${percent(0.97)}`,
    motion.shuffled > 0.3 && `Motion, frames shuffled: expected about ${percent(chance)}, at most ${percent(0.3)}`,
  ].filter(Boolean)
  if (missed.length > 0) throw new UserError(`\nBelow what was promised.\n${missed.join('\n')}`)
})
