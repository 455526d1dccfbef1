/** `npm run build`: set-up, the addon in release mode with its loader and types, then the facade. */
import { bin, main, script } from './steps.mjs'

await main(async () => {
  await script('setup.mjs')
  const manifest = ['--manifest-path', 'crates/zoetrope-napi/Cargo.toml']
  const output = ['--output-dir', '.', '--js', 'index.js', '--dts', 'index.d.ts']
  await bin('napi', ['build', '--platform', '--release', ...manifest, ...output])
  await bin('tsc', ['--project', 'tsconfig.json'])
})
