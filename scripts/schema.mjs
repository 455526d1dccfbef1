/** Writes `run.schema.json`, the JSON schema of `zoetrope train --config`, from the table of its options in `dist/`. */
import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { root } from './steps.mjs'

export async function writeSchema() {
  const { trainSchema } = createRequire(import.meta.url)(join(root, 'dist', 'cli', 'options', 'schema.js'))
  await writeFile(join(root, 'run.schema.json'), `${JSON.stringify(trainSchema(), undefined, 2)}\n`)
}
