/** Folders of the per-user cache that are made once, whoever else wants them at the same time. */
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder } from '../../libtorch.mjs'
import { withLock } from '../../lock.mjs'

/** The folder `name`; if it is not there, `make` fills a partial one, which then takes its name. */
export async function cached(name, make) {
  const folder = join(cacheFolder(), name)
  if (existsSync(folder)) return folder
  await mkdir(cacheFolder(), { recursive: true })
  const onWait = (pid) => console.log(`Process ${pid} is making ${folder}; waiting for it`)
  return withLock(`${folder}.lock`, onWait, async () => {
    if (existsSync(folder)) return folder
    const partial = `${folder}.partial`
    await rm(partial, { recursive: true, force: true })
    await mkdir(partial)
    await make(partial)
    await rename(partial, folder)
    return folder
  })
}
