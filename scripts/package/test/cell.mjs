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
writeFileSync(join(place.toHost(app), 'package.json'), `${JSON.stringify({ name: 'app', private: true })}\n`)
const env = { PATH: place.path, HOME: home, TOOLS: place.tools, CI: 'true', LANG: 'C.UTF-8' }

const outcome = { problem: undefined, log: '' }
for (const step of scenario.steps) {
  if (step.change) step.change(place.toHost(app))
  place.own(place.toHost(place.work))
  if (step.change) continue
  outcome.problem = await runStep(step)
  if (outcome.problem) break
}
process.stdout.write(`\n${JSON.stringify(outcome)}\n`)

/** What is wrong, in words; `undefined` if nothing is. */
async function runStep({ install, exec, run, status = 0, shows = [] }) {
  const command = install ? [...manager.install, ...install] : exec ? [...manager.exec, ...exec] : run
  const result = await place.run(command.map((part) => part.replace('@TOOLS@', place.tools)), { cwd: app, env }) // prettier-ignore
  outcome.log += `$ ${command.join(' ')}\n${result.output}[${result.status}]\n`
  if (result.status !== status) return `\`${command.join(' ')}\` ended with ${result.status} instead of ${status}`
  const missing = shows.find((pattern) => !pattern.test(result.output))
  return missing && `\`${command.join(' ')}\` did not print ${missing}`
}
