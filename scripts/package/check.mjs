/** The packed JavaScript package as others find it: publint's rules, and how TypeScript resolves it. */
import { join } from 'node:path'
import { capture, root, SetupError } from '../steps.mjs'

const CHECKS = [
  { name: 'publint', args: ['run', '--strict'] },
  // DefinitelyTyped has nothing of this name, and asking for it needs a network.
  { name: 'attw', args: ['--no-definitely-typed', '--no-emoji', '--no-color', '--profile', 'strict'] },
]

/** Problems of a tarball, one for each tool that finds any. */
export async function checkConsumers(tarball) {
  const problems = []
  for (const { name, args } of CHECKS) {
    const { code, stdout, stderr } = await capture(join(root, 'node_modules', '.bin', name), [...args, tarball])
    if (code === undefined) throw new SetupError(`${name} is not installed: \`npm run setup\``)
    if (code !== 0) problems.push(`${name} finds fault with ${tarball}:\n${stdout}${stderr}`)
  }
  return problems
}
