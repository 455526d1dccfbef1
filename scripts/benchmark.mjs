/** `npm run benchmark`: Zoetrope beside PyTorch on this machine. benchmark/README.md says what is measured, and how. */
import { benchmark } from '../benchmark/lib/benchmark.mjs'
import { readOptions, usage } from '../benchmark/lib/options.mjs'
import { main, run, script } from './steps.mjs'

await main(async () => {
  const options = readOptions(process.argv.slice(2))
  if (options.help) {
    console.log(usage)
    return
  }
  if (options.build) {
    await script('build.mjs')
    await run('cargo', ['build', '--release', '--package', 'zoetrope-core', '--example', 'train_loop'])
  }
  await benchmark(options)
})
