/**
 * `node bundle.cjs esbuild|webpack external|all|esm`: bundles commonjs.cjs into bundle/main.cjs, without the package or with
 * it, or with it into the ES module bundle/main.mjs. TOOLS is the folder of the bundlers.
 */
const { join } = require('node:path')

const [name, kind] = process.argv.slice(2)
const isExternal = kind === 'external'
const entry = join(__dirname, 'commonjs.cjs')
const folder = join(__dirname, 'bundle')
const bundler = require(join(process.env.TOOLS, name))

/** What esbuild's users put into ES modules that hold CommonJS. */
const REQUIRE = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)`

async function esbuild() {
  const output =
    kind === 'esm'
      ? { format: 'esm', outfile: join(folder, 'main.mjs'), banner: { js: REQUIRE } }
      : { format: 'cjs', outfile: join(folder, 'main.cjs') }
  const external = isExternal ? ['zoetrope'] : []
  await bundler.build({
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    logLevel: 'warning',
    external,
    ...output,
  })
}

async function webpack() {
  const output = { path: folder, filename: 'main.cjs' }
  const externals = isExternal ? { zoetrope: 'commonjs zoetrope' } : {}
  // Of one long line Node prints the line in front of an error, and what is printed through a pipe has a limit.
  const optimization = { minimize: false }
  const compiler = bundler({ mode: 'production', target: 'node', context: __dirname, entry, output, externals, optimization }) // prettier-ignore
  const stats = await new Promise((resolve, reject) =>
    compiler.run((error, result) => (error ? reject(error) : resolve(result))),
  )
  console.log(stats.toString('errors-warnings'))
  if (stats.hasErrors()) process.exitCode = 1
}

void (name === 'esbuild' ? esbuild() : webpack())
