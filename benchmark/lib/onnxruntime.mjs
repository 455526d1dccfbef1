/** onnxruntime-node, installed once per user in the cache: its CPU library comes with the package, without scripts. */
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder } from '../../scripts/libtorch.mjs'
import { withLock } from '../../scripts/lock.mjs'
import { capture, progress, SetupError } from '../../scripts/steps.mjs'

const PACKAGE = 'onnxruntime-node@1.30.0'

/** The folder whose `node_modules` has it. */
export async function onnxRuntime() {
  const folder = join(cacheFolder(), PACKAGE.replace('@', '-'))
  const marker = join(folder, 'complete.json')
  if (existsSync(marker)) return folder
  await mkdir(cacheFolder(), { recursive: true })
  const onWait = (pid) => console.log(`Another benchmark (process ${pid}) is installing ${PACKAGE}; waiting for it`)
  await withLock(`${folder}.lock`, onWait, async () => {
    if (existsSync(marker)) return
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder)
    const npm = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', folder, PACKAGE]
    const { code, stdout, stderr } = await progress(`Installing ${PACKAGE} into ${folder}`, () => capture('npm', npm))
    if (code !== 0) {
      const last = (stderr || stdout).trim().split('\n').slice(-3).join('\n  ')
      throw new SetupError(`npm install ${PACKAGE} failed; it is needed for --onnx:\n  ${last}`)
    }
    await writeFile(marker, '{}\n')
  })
  return folder
}
