/**
 * `npm run test:package`: installs `artifacts/*.tgz` from a registry on loopback into clean rooms and uses them there.
 * `-- --short` runs one cell, `-- --only=WORDS` those whose names have the words, `--log` prints what the commands said.
 */
import { mkdtemp, rm, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { capture, main, root, script, SetupError } from '../../steps.mjs'
import { readTarballs } from './registry.mjs'
import { cannotEnter, makeRoom, NAMESPACES } from './rooms.mjs'
import { SCENARIOS, SHORT } from './scenarios.mjs'
import { fetchTools } from './tools.mjs'

const artifacts = join(root, 'artifacts')
const scratches = join(root, 'build', 'clean-rooms')
const program = fileURLToPath(new URL('cell.mjs', import.meta.url))
const HEADINGS = ['cell', 'Debian', 'Node', 'manager', 'user', 'result', 'seconds']

await main(async () => {
  const options = { short: { type: 'boolean' }, only: { type: 'string', multiple: true }, log: { type: 'boolean' } }
  const { values } = parseArgs({ options })
  const tarballs = await findTarballs()
  const why = await cannotEnter()
  if (why)
    console.log(`No clean rooms here (${why}). The cells run in an emptied environment instead: no PATH but Node.`)
  const tools = await fetchTools()
  const rows = []
  for (const scenario of chosen(values)) {
    const began = performance.now()
    const room = why ? undefined : await makeRoom(scenario.debian)
    const { problem, log } = await runCell({ scenario, room, tools, tarballs })
    const seconds = ((performance.now() - began) / 1000).toFixed(0)
    if (values.log || problem) console.log(log)
    const result = problem ?? 'green'
    const { name, node, manager, user } = scenario
    rows.push([name, why ? 'the host' : scenario.debian, node, manager, why ? 'the host’s' : user, result, seconds])
    console.log(`${problem ? '✖' : '✔'} ${name}: ${result} (${seconds} s)`)
  }
  console.log(`\n${table([HEADINGS, ...rows])}\n`)
  const red = rows.filter((row) => row[HEADINGS.indexOf('result')] !== 'green').length
  if (red > 0) throw new SetupError(`${red} of ${rows.length} cells are not green`)
})

async function findTarballs() {
  const found = await readTarballs(artifacts)
  if (found.length > 0) return found
  await script('package/index.mjs')
  return readTarballs(artifacts)
}

function chosen({ short, only }) {
  if (short) return [SHORT]
  const found = SCENARIOS.filter(({ name }) => only === undefined || only.some((words) => name.includes(words)))
  if (found.length > 0) return found
  throw new SetupError(`Expected a cell's name for --only, received '${only}'. Cells: ${SCENARIOS.map(({ name }) => name).join('; ')}`) // prettier-ignore
}

async function runCell({ scenario, room, tools, tarballs }) {
  await mkdir(scratches, { recursive: true })
  const scratch = await mkdtemp(join(scratches, 'cell-'))
  try {
    const args = [program, JSON.stringify({ name: scenario.name, scratch, room, tools, tarballs })]
    const command = room ? ['unshare', ...NAMESPACES, process.execPath] : [process.execPath]
    const { code, stdout, stderr } = await capture(command[0], [...command.slice(1), ...args])
    const outcome = stdout.trim().split('\n').at(-1)
    if (code === 0) return JSON.parse(outcome)
    return { problem: 'the cell itself failed', log: `${stdout}${stderr}` }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** As Markdown, so that it can be pasted into a page. */
function table(rows) {
  const cells = rows.map((row) => row.map((value) => String(value).replaceAll('|', '\\|')))
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)))
  const line = (row) => `| ${row.map((text, column) => text.padEnd(widths[column])).join(' | ')} |`
  const [headings, ...others] = cells
  return [line(headings), line(widths.map((width) => '-'.repeat(width))), ...others.map(line)].join('\n')
}
