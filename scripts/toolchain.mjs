/** Checks the tools that a build needs. Each problem says what was found, what is needed and how to get it. */
import { capture, SetupError } from './steps.mjs'

/** What cargo builds for. Named in every call: without a target cargo keeps, and compiles, everything a second time. */
export const HOST_TARGET = 'x86_64-unknown-linux-gnu'

/** Node's names of what a clone is built on. */
export const HOST_PLATFORM = 'linux-x64'

const MIN_NODE = '20.19'
const MIN_RUST = '1.88' // what the crates state as their rust-version
const MIN_PYTHON = '3.9'

/** The headers that libtorch's own need from a C++17 compiler with OpenMP. */
const CPP_PROBE = `
#include <omp.h>
#include <optional>
#include <string_view>
int main() { std::optional<std::string_view> probe; return omp_get_max_threads() > 0 && !probe ? 0 : 1; }
`

/** Throws one error that names everything missing or too old. */
export async function checkToolchain({ needsPython }) {
  const checks = [checkPlatform(), checkNode(), checkRust(), checkCompiler(), needsPython && checkPython()]
  const problems = (await Promise.all(checks)).filter(Boolean)
  if (problems.length > 0) throw new SetupError(`Set-up cannot go on:\n\n${problems.join('\n\n')}`)
}

function problem(found, ...remedy) {
  return [`✗ ${found}`, ...remedy].join('\n  ')
}

function checkPlatform() {
  const platform = `${process.platform}-${process.arch}`
  if (platform === HOST_PLATFORM) return
  return problem(
    `Zoetrope builds on ${HOST_PLATFORM} for now; this is ${platform}.`,
    'Use a 64-bit x86 Linux, or Docker or WSL with one.',
  )
}

function checkNode() {
  const found = process.versions.node
  if (isAtLeast(found, MIN_NODE)) return
  return problem(
    `Node.js ${MIN_NODE} or newer is needed; this is ${found}.`,
    'Get it: `nvm install 22`, `brew install node`, or from your distribution.',
  )
}

/** What is wrong with the Rust found here, and how to get another; `undefined` where nothing. */
export async function checkRust(minimum = MIN_RUST) {
  const remedy = [
    'Get it: install rustup (`brew install rustup`, `apt install rustup`, `dnf install rustup`),',
    'then `rustup toolchain install stable`; or, with rustup there already, `rustup update stable`.',
  ]
  for (const tool of ['cargo', 'rustc']) {
    const { code, stdout, stderr } = await capture(tool, ['--version'])
    if (code === undefined) return problem(`${tool} was not found; Rust ${minimum} or newer is needed.`, ...remedy)
    if (code !== 0) return problem(`\`${tool} --version\` fails: ${lastLine(stderr)}`, ...remedy)
    const found = stdout.trim().split(' ')[1] ?? stdout
    if (!isAtLeast(found, minimum)) {
      return problem(`Rust ${minimum} or newer is needed; ${tool} is ${found}.`, ...remedy)
    }
  }
}

async function checkCompiler() {
  const remedy = ['Get it: `apt install g++`, `dnf install gcc-c++` or `brew install gcc`, or name one in CXX.']
  const candidates = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++']
  let refused
  for (const candidate of candidates) {
    const [command, ...args] = candidate.trim().split(/\s+/)
    const probe = [...args, '-std=c++17', '-fopenmp', '-fsyntax-only', '-x', 'c++', '-']
    const { code, stderr } = await capture(command, probe, { input: CPP_PROBE })
    if (code === 0) return
    if (code !== undefined) refused ??= `${candidate} does not compile C++17 with OpenMP: ${firstError(stderr)}`
  }
  if (refused) return problem(refused, ...remedy)
  return problem(`No C++ compiler was found; tried ${candidates.join(', ')}.`, ...remedy)
}

async function checkPython() {
  const why =
    'It only downloads libtorch; nothing needs it afterwards. With libtorch there already, set LIBTORCH instead.'
  const getPython = [
    'Get it: `apt install python3 python3-pip`, `dnf install python3-pip` or `brew install python`.',
    why,
  ]
  const { code, stdout, stderr } = await capture('python3', ['--version'])
  if (code === undefined) return problem(`python3 was not found; ${MIN_PYTHON} or newer is needed.`, ...getPython)
  const found = stdout.trim().split(' ')[1] ?? lastLine(stderr)
  if (code !== 0 || !isAtLeast(found, MIN_PYTHON)) {
    return problem(`Python ${MIN_PYTHON} or newer is needed; python3 is ${found}.`, ...getPython)
  }
  const pip = await capture('python3', ['-m', 'pip', '--version'])
  if (pip.code === 0) return
  return problem(
    `pip is missing: ${lastLine(pip.stderr)}`,
    'Get it: `apt install python3-pip`, `dnf install python3-pip` or `python3 -m ensurepip`.',
    why,
  )
}

function isAtLeast(version, minimum) {
  const [major, minor] = version.split('.').map((part) => Number.parseInt(part, 10))
  const [minMajor, minMinor] = minimum.split('.').map(Number)
  return major > minMajor || (major === minMajor && minor >= minMinor)
}

const lastLine = (text) => text.trim().split('\n').at(-1)
const firstError = (text) => text.split('\n').find((line) => line.includes('error')) ?? lastLine(text)
