/** `npm run build`: set-up, the addon in release mode with its types, the addon that opens libraries, then the facade. */
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildFacade } from './facade.mjs'
import { writeSchema } from './schema.mjs'
import { HOST_TARGET } from './toolchain.mjs'
import { bin, main, root, run, script } from './steps.mjs'

await main(async () => {
  await script('setup.mjs')
  const manifest = ['--manifest-path', 'crates/zoetrope-napi/Cargo.toml']
  const output = ['--output-dir', '.', '--no-js', '--dts', 'index.d.ts']
  await bin('napi', ['build', '--platform', '--release', ...manifest, ...output])
  await run('cargo', ['build', '--release', '--package', 'zoetrope-loader', '--target', HOST_TARGET])
  const built = join(root, 'target', HOST_TARGET, 'release', 'libzoetrope_loader.so')
  await copyFile(built, join(root, 'zoetrope-loader.linux-x64-gnu.node'))
  await buildFacade()
  await writeSchema()
})
