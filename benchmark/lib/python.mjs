/** The Pythons that the benchmark needs: one with torch, one that draws. Made once per user, in the cache. */
import { existsSync } from 'node:fs'
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder } from '../../scripts/libtorch.mjs'
import { withLock } from '../../scripts/lock.mjs'
import { capture, progress, SetupError } from '../../scripts/steps.mjs'

const TORCH = '2.11.0'
const OLDEST = [3, 10]
const GIGABYTE = 1e9

const environments = {
  torch: { name: `python-torch-${TORCH}`, packages: [`torch==${TORCH}`, 'numpy'], bytes: 10 * GIGABYTE },
  plots: { name: 'python-plots', packages: ['matplotlib==3.10.8'], bytes: 0.3 * GIGABYTE },
}

/** A Python with torch 2.11: ZOETROPE_PYTHON, else the cache's. */
export async function torchPython() {
  const named = process.env.ZOETROPE_PYTHON
  const python = named || (await environment(environments.torch))
  const { code, stdout, stderr } = await capture(python, ['-c', 'import torch; print(torch.__version__)'])
  const version = stdout.trim()
  if (code === 0 && version.split('+')[0] === TORCH) return python
  const found = code === 0 ? `it has torch ${version}` : stderr.trim().split('\n').at(-1) || 'it does not start'
  const remedy = named
    ? 'Set ZOETROPE_PYTHON to a Python that has it, or unset it.'
    : `Delete ${join(cacheFolder(), environments.torch.name)} and run it again.`
  throw new SetupError(`The benchmark needs a Python with torch ${TORCH}; of ${python}: ${found}.\n${remedy}`)
}

/** A Python with matplotlib. */
export function plotsPython() {
  return environment(environments.plots)
}

/** The environment's Python. A folder with a marker is complete; one without is what a killed run left. */
async function environment({ name, packages, bytes }) {
  const cache = cacheFolder()
  const folder = join(cache, name)
  const marker = join(folder, 'complete.json')
  const python = join(folder, 'bin', 'python')
  if (existsSync(marker)) return python
  await mkdir(cache, { recursive: true })
  const onWait = (pid) => console.log(`Another benchmark (process ${pid}) is making ${name}; waiting for it`)
  await withLock(join(cache, `${name}.lock`), onWait, async () => {
    if (existsSync(marker)) return
    await rm(folder, { recursive: true, force: true })
    await checkDisk(cache, bytes)
    await checkPython()
    await step('python3', ['-m', 'venv', folder])
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]
    await progress(`Installing ${packages.join(' and ')} into ${folder}`, () => step(python, pip))
    await writeFile(marker, `${JSON.stringify({ packages })}\n`)
  })
  return python
}

async function step(command, args) {
  const { code, stdout, stderr } = await capture(command, args)
  if (code === 0) return
  const last = (stderr || stdout).trim().split('\n').slice(-3).join('\n  ')
  throw new SetupError(
    `${command} ${args.slice(0, 3).join(' ')} failed:\n  ${last}\n` +
      'Or set ZOETROPE_PYTHON to a Python that has torch 2.11.',
  )
}

async function checkPython() {
  const { stdout } = await capture('python3', ['--version'])
  const version = stdout.trim().split(' ')[1]
  const [major, minor] = (version ?? '0.0').split('.').map(Number)
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return
  const found = version === undefined ? 'python3 was not found' : `python3 is ${version}`
  throw new SetupError(`The benchmark needs Python ${OLDEST.join('.')} or newer with venv and pip; ${found}.`)
}

async function checkDisk(cache, bytes) {
  const { bavail, bsize } = await statfs(cache)
  if (bavail * bsize >= bytes) return
  throw new SetupError(
    `${cache} has ${(bavail * bsize) / GIGABYTE} GB free; ${bytes / GIGABYTE} GB are needed.\n` +
      'Free some, or set ZOETROPE_CACHE to a folder on another disk.',
  )
}
