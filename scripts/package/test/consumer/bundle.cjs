/** `node bundle.cjs esbuild|webpack [external]`: bundles commonjs.cjs into bundle/main.cjs; TOOLS has the bundlers. */
const { join } = require('node:path')

const [name, external] = process.argv.slice(2)
const entry = join(__dirname, 'commonjs.cjs')
const folder = join(__dirname, 'bundle')
const bundler = require(join(process.env.TOOLS, name))

async function esbuild() {
  const outfile = join(folder, 'main.cjs')
  const options = { entryPoints: [entry], bundle: true, platform: 'node', outfile, logLevel: 'warning' }
  await bundler.build({ ...options, external: external ? ['zoetrope'] : [] })
}

async function webpack() {
  const output = { path: folder, filename: 'main.cjs' }
  const externals = external ? { zoetrope: 'commonjs zoetrope' } : {}
  const compiler = bundler({ mode: 'production', target: 'node', context: __dirname, entry, output, externals })
  const stats = await new Promise((resolve, reject) =>
    compiler.run((error, result) => (error ? reject(error) : resolve(result))),
  )
  console.log(stats.toString('errors-warnings'))
  if (stats.hasErrors()) process.exitCode = 1
}

void (name === 'esbuild' ? esbuild() : webpack())
