// Writes what `ctc_twin.py` needs to train the network of a recipe in PyTorch: the lines, the recipe's settings, and for each
// seed the untrained model.
//
// node examples/torch/write-task.mjs digit-lines|connected-digits FOLDER [--candidate longer] [--data FOLDER] [--quick]
import { mkdir, open, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'

import { connectedDigits } from '../connected-digits.mjs'
import { digitLines } from '../digit-lines.mjs'
import { createModel, cycle, seeds } from '../lib/recipe.mjs'

const tasks = { 'digit-lines': digitLines, 'connected-digits': connectedDigits }
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    candidate: { type: 'string', default: 'longer' },
    data: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
})
const [name, folder] = positionals
if (!(name in tasks) || folder === undefined) {
  console.error(`Usage: node examples/torch/write-task.mjs ${Object.keys(tasks).join('|')} FOLDER [--candidate longer]`)
  process.exit(1)
}
const options = { device: 'cpu', ...values }
const task = await tasks[name](options)
if (task !== undefined) await writeTask(task)

async function writeTask({ train, test, recipe }) {
  const settings = recipe.candidates[values.candidate]
  if (settings === undefined) {
    const names = Object.keys(recipe.candidates).join(', ')
    console.error(`Expected one of ${names} for --candidate, received ${values.candidate}`)
    process.exitCode = 1
    return
  }
  await mkdir(folder, { recursive: true })
  const parts = { train: await writePart(train, 'train'), test: await writePart(test, 'test') }
  const { batchSize } = recipe
  const written = { batchSize, ...settings, cycle, seeds, parts }
  await writeFile(path.join(folder, 'task.json'), JSON.stringify(written))
  for (const seed of seeds) {
    const model = await createModel({ train, recipe, settings, seed, options })
    await model.save(path.join(folder, `untrained-${seed}.safetensors`))
    await model.dispose()
  }
  console.log(`Wrote ${train.length} and ${test.length} lines into ${folder}`)
}

/** Writes the frames of all lines in a row, `part.bin`; returns what is to be known of them. */
async function writePart(lines, part) {
  const file = await open(path.join(folder, `${part}.bin`), 'w')
  const [lengths, targets] = [[], []]
  let frame
  try {
    for (let index = 0; index < lines.length; index++) {
      const { input, target } = Array.isArray(lines) ? lines[index] : await lines.get(index)
      const { data, shape } = input
      frame = { type: data instanceof Uint8Array ? 'uint8' : 'float32', shape: shape.slice(1) }
      await file.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
      lengths.push(shape[0])
      targets.push(target)
    }
  } finally {
    await file.close()
  }
  return { ...frame, lengths, targets }
}
