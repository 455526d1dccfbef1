/** `npm start`: set-up, build, then the main job. `npm start -- --epochs 10` hands its arguments on. */
import { main, run, script } from './steps.mjs'

await main(async () => {
  await script('build.mjs')
  await run(process.execPath, ['examples/main.mjs', ...process.argv.slice(2)])
})
