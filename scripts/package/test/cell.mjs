/** Runs one cell: `node cell.mjs JSON`, inside the room's namespaces. Its last line is the outcome as JSON. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MANAGERS, settings } from './managers.mjs'
import { openPlace } from './place.mjs'
import { startRegistry } from './registry.mjs'
import { SCENARIOS } from './scenarios.mjs'
import { writeCommands } from './tools.mjs'

const consumer = fileURLToPath(new URL('consumer/', import.meta.url))

const { name, scratch, room, tools, tarballs } = JSON.parse(process.argv[2])
const scenario = SCENARIOS.find((candidate) => candidate.name === name)
const manager = MANAGERS[scenario.manager]
const place = openPlace({ scratch, room, tools, asRoot: scenario.user === 'root' })
const registry = await startRegistry(tarballs)
await writeCommands({
  folder: join(scratch, 'bin'),
  tools: place.tools,
  node: scenario.node,
  manager: scenario.manager,
})

const home = join(place.work, 'home')
const app = join(place.work, 'projects', scenario.folder)
mkdirSync(place.toHost(home))
for (const [file, text] of Object.entries(settings(registry, scenario)))
  writeFileSync(join(place.toHost(home), file), text)
cpSync(consumer, place.toHost(app), { recursive: true })
writeFileSync(
  join(place.toHost(app), 'package.json'),
  `${JSON.stringify({ name: 'app', version: '1.0.0', private: true })}\n`,
)
const env = { PATH: place.path, HOME: home, TMPDIR: place.temporary, TOOLS: place.tools, CI: 'true', LANG: 'C.UTF-8' }

const outcome = { problem: undefined, log: '' }
for (const step of scenario.steps) {
  step.change?.(place.toHost(app))
  place.handOver()
  outcome.problem = step.change ? undefined : await runStep(step)
  if (outcome.problem) break
}
process.stdout.write(`\n${JSON.stringify(outcome)}\n`)

/** What is wrong, in words; `undefined` if nothing is. */
async function runStep({ status = 0, shows = [], ...step }) {
  const command = commandOf(step)
  const words = command.join(' ')
  const result = await place.run(command, { cwd: app, env })
  outcome.log += `$ ${words}\n${result.output}[${result.status}]\n`
  if (result.status !== status) return `\`${words}\` ended with ${result.status} instead of ${status}`
  const expected = typeof shows === 'function' ? shows(place.toHost(app)) : shows
  const missing = expected.find((pattern) => !pattern.test(result.output))
  return missing && `\`${words}\` did not print ${missing}`
}

function commandOf({ install, exec, run }) {
  if (install) return [...manager.install, ...install]
  if (exec) return [...manager.exec, ...exec]
  return typeof run === 'function' ? run(place.tools) : run
}
