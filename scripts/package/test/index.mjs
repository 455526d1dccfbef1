/**
 * `npm run test:package`: installs `artifacts/*.tgz` from a registry on loopback into clean rooms and uses them there.
 * `-- --only=WORDS` runs the cells whose names have the words, `-- --log` prints what the commands said, `-- --emptied`
 * does without rooms. `-- --short` runs one cell, without artifacts on a package of the clone's own build.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { capture, main, root, script, SetupError } from '../../steps.mjs'
import { readTarballs } from './registry.mjs'
import { cannotEnter, emptiedPrefix, makeRoom, ROOM } from './rooms.mjs'
import { SCENARIOS, SHORT } from './scenarios.mjs'
import { fetchTools, versioned } from './tools.mjs'

const program = fileURLToPath(new URL('cell.mjs', import.meta.url))
const GREEN = 'green'
const HEADINGS = ['cell', 'Debian', 'Node', 'manager', 'user', 'result', 'seconds']
const OPTIONS = {
  short: { type: 'boolean' },
  only: { type: 'string', multiple: true },
  log: { type: 'boolean' },
  emptied: { type: 'boolean' },
}

/** The Debian on which what was built on this machine runs, which may be a new one. */
const NEWEST = 13

await main(async () => {
  const { values } = parseArgs({ options: OPTIONS })
  const { tarballs, isAsBuilt } = await findTarballs(values.short)
  const why = values.emptied ? '--emptied' : await cannotEnter()
  const prefix = why ? await emptiedPrefix() : ROOM
  if (why) {
    const network = prefix.length > 0 ? 'without a network' : 'with its network, which may not be taken away here'
    console.log(`No clean rooms (${why}): the cells run on this system, with Node alone in PATH, ${network}.`)
  }
  const tools = await fetchTools(values.short)
  const rows = []
  for (const scenario of chosen(values)) {
    const { name, node, manager, user } = scenario
    const debian = isAsBuilt ? NEWEST : scenario.debian
    const room = why ? undefined : await makeRoom(debian)
    const began = performance.now()
    const { problem, log } = await runCell({ name, room, tools, tarballs, prefix })
    const seconds = ((performance.now() - began) / 1000).toFixed(0)
    const result = problem ?? GREEN
    const where = room ? { system: debian, user } : { system: 'this system', user: userInfo().username }
    rows.push([name, where.system, node, versioned(manager, node), where.user, result, seconds])
    if (values.log || problem) console.log(log)
    console.log(`${problem ? '✖' : '✔'} ${name}: ${result} (${seconds} s)`)
  }
  console.log(`\n${table([HEADINGS, ...rows])}\n`)
  const red = rows.filter((row) => !row.includes(GREEN)).length
  if (red > 0) throw new SetupError(`${red} of ${rows.length} cells are not green`)
})

/** What `npm run package` made, which happens now where it has not. */
async function findTarballs(isShort) {
  const release = join(root, 'artifacts')
  const found = await readTarballs(release)
  if (found.length > 0) return { tarballs: found, isAsBuilt: false }
  await script('package/index.mjs', isShort ? ['--as-built'] : [])
  return { tarballs: await readTarballs(isShort ? join(root, 'build', 'as-built') : release), isAsBuilt: isShort }
}

function chosen({ short, only }) {
  if (short) return [SHORT]
  const found = SCENARIOS.filter(({ name }) => only === undefined || only.some((words) => name.includes(words)))
  if (found.length > 0) return found
  throw new SetupError(`Expected a cell's name for --only, received '${only}'. Cells: ${SCENARIOS.map(({ name }) => name).join('; ')}`) // prettier-ignore
}

async function runCell({ name, room, tools, tarballs, prefix }) {
  const scratch = await mkdtemp(join(tmpdir(), 'zoetrope-clean-room-')) //  outside of the clone, whose packages it would find
  try {
    const args = [process.execPath, program, JSON.stringify({ name, scratch, room, tools, tarballs })]
    const [command, ...others] = [...prefix, ...args]
    const { code, stdout, stderr } = await capture(command, others)
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
