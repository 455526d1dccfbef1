/**
 * `npm run fuzz -- --calls 20000 --files 10000 --seed 1`: the long form of the fuzzer, of the package as it is built.
 * Calls run in child processes, so that a crash, a hang or memory without bound is a finding like others.
 * `npm run fuzz -- --seed 1 --only 17` makes call 17 alone again, and with `--files` damaged file 17.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { SetupError, bin, main, root, start } from './steps.mjs'

const CHILD = join(root, 'build', '__test__', 'fuzz', 'child.js')
const SILENCE = 30_000 //           milliseconds without a line after which a child counts as hung
const MEMORY = 4 * 2 ** 30 //       bytes of resident memory at which a child is ended
const LARGE = { call: /^CnnLstm\.create: /, silence: 90_000, memory: 10 * 2 ** 30 } // a model is as large as is asked for
const LOOK = 250 //                 milliseconds between two looks at a child
const CHUNK = 1000 //               calls of one child
const EXAMPLES = 3 //               findings of a group that are printed

await main(async () => {
  const options = {
    calls: { type: 'string' },
    files: { type: 'string' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  }
  const { values } = parseArgs({ options, args: withCounts(process.argv.slice(2)) })
  await bin('tsc', ['--project', '__test__/tsconfig.json'])
  const seed = number(values.seed, 'seed')
  const findings = []
  for (const [what, from, to] of stretches(values)) findings.push(...(await fuzz(what, seed, from, to)))
  report(findings, seed)
  if (findings.length > 0) throw new SetupError(`${findings.length} findings`)
})

/** `--files` without a number, beside `--only`, means the kind alone. */
function withCounts(args) {
  return args.flatMap((arg, at) =>
    /^--(calls|files)$/.test(arg) && !/^\d/.test(args[at + 1] ?? '') ? [arg, '1'] : [arg],
  )
}

function stretches({ calls, files, only }) {
  if (only !== undefined) {
    const index = number(only, 'only')
    return [[files === undefined ? 'calls' : 'files', index, index + 1]]
  }
  const isDefault = calls === undefined && files === undefined
  return [
    ['calls', 0, number(calls ?? (isDefault ? '20000' : '0'), 'calls')],
    ['files', 0, number(files ?? (isDefault ? '10000' : '0'), 'files')],
  ]
}

function number(text, name) {
  if (/^\d+$/.test(text)) return Number(text)
  throw new SetupError(`Expected a number for --${name}, received ${text}`)
}

async function fuzz(what, seed, from, to) {
  const findings = []
  let at = from
  while (at < to) {
    const ended = await stretch(what, seed, at, Math.min(to, at + CHUNK), findings)
    at = ended
    const kinds = new Set(findings.map(groupOf)).size
    console.log(`${what} ${at} of ${to}: ${findings.length} findings of ${kinds} kinds`)
  }
  return findings
}

/** Runs a child, whose warnings are as they should be: of callbacks that reject, and the like. Returns the number of the call to go on with. */
function stretch(what, seed, from, to, findings) {
  const child = start(process.execPath, ['--no-warnings', CHILD, what, seed, from, to].map(String), {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const state = { at: from, call: '', isDone: false, last: Date.now(), why: '', errors: '' }
  createInterface({ input: child.stdout }).on('line', (line) => {
    state.last = Date.now()
    const { at, call, finding, done } = parse(line)
    if (at !== undefined) state.at = at
    if (call !== undefined) state.call = call
    if (finding !== undefined) keep(findings, finding)
    if (finding?.problem.includes('did not settle')) state.why = 'stuck'
    if (done) state.isDone = true
  })
  child.stderr.setEncoding('utf8').on('data', (text) => (state.errors = (state.errors + text).slice(-2000)))
  const timer = setInterval(() => {
    const { silence, memory } = LARGE.call.test(state.call) ? LARGE : { silence: SILENCE, memory: MEMORY }
    if (Date.now() - state.last > silence) state.why ||= `nothing for ${silence / 1000} s: blocked, or the exit hangs`
    if (residentBytes(child.pid) > memory) state.why ||= 'more memory than a child may have'
    if (state.why !== '' && state.why !== 'stuck') child.kill('SIGKILL')
  }, LOOK)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      clearInterval(timer)
      if (state.isDone && code === 0) return resolve(to)
      const problem = state.why || `the process ended with ${signal ?? code}: ${state.errors.trim().slice(-500)}`
      const call = state.isDone ? 'the exit after the last call' : state.call
      if (state.why !== 'stuck') keep(findings, { what, index: state.at, call, problem })
      return resolve(state.isDone ? to : state.at + 1)
    })
  })
}

/** The first finding of its group is shown at once. */
function keep(findings, finding) {
  if (findings.every((other) => groupOf(other) !== groupOf(finding))) {
    console.log(`${finding.what} ${finding.index}: ${finding.call.slice(0, 300)}\n  ${finding.problem.slice(0, 400)}`)
  }
  findings.push(finding)
}

function parse(line) {
  try {
    return JSON.parse(line)
  } catch {
    return {} //     what libtorch or a runtime prints
  }
}

function residentBytes(pid) {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096
  } catch {
    return 0
  }
}

/** Findings of one function that differ in numbers, names and paths alone are of one group. */
function groupOf({ what, call, problem }) {
  const general = problem
    .replace(/(a message of) \d+ (characters: .{40}).*/s, '$1 … $2')
    .replace(/\/\S*(zoetrope-fuzz-|dev|proc)\S*/g, '<path>')
    .replace(/'[^']*'|`[^`]*`|"[^"]{30,}"/g, '"…"')
    .replace(/-?\d[\d.e+-]*/g, '#')
  return what === 'files' ? general.slice(0, 140) : `${call.split(':')[0]} | ${general.slice(0, 140)}`
}

function report(findings, seed) {
  const groups = group(findings)
  for (const [name, members] of [...groups].toSorted((left, right) => right[1].length - left[1].length)) {
    console.log(`\n${members.length} × ${name}`)
    for (const { what, index, call, problem } of members.slice(0, EXAMPLES)) {
      console.log(`    npm run fuzz -- ${what === 'files' ? '--files ' : ''}--seed ${seed} --only ${index}`)
      console.log(`      ${call.slice(0, 300)}\n      ${problem.slice(0, 400)}`)
    }
  }
  console.log(`\n${findings.length} findings of ${groups.size} kinds, seed ${seed}`)
}

function group(findings) {
  const groups = new Map()
  for (const finding of findings) groups.set(groupOf(finding), [...(groups.get(groupOf(finding)) ?? []), finding])
  return groups
}
