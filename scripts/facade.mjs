/** The facade's TypeScript into dist/: CommonJS, and `zoetrope/decode` a second time as the ECMAScript modules that browsers load. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bin, root } from './steps.mjs'

export async function buildFacade() {
  await bin('tsc', ['--project', 'tsconfig.json'])
  await bin('tsc', ['--project', 'tsconfig.decode.json'])
  await writeFile(join(root, 'dist', 'esm', 'package.json'), '{ "type": "module", "sideEffects": false }\n')
}
