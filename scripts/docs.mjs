/** `npm run docs`: the reference of every public name, as pages in build/docs. A warning of typedoc's is an error. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { main, root, run, script } from './steps.mjs'

const tool = join(root, 'docs', 'api-tool')
const typedoc = join(tool, 'node_modules', 'typedoc', 'bin', 'typedoc')

await main(async () => {
  await script('setup.mjs')
  if (!existsSync(typedoc)) {
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: tool })
  }
  await run(process.execPath, [typedoc, '--options', join(tool, 'typedoc.json')])
})
