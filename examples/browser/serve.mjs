/** Serves the page on this machine: `node examples/browser/serve.mjs [PORT]`. Every file comes from this folder or node_modules. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const here = import.meta.dirname
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css',
  '.mjs': 'text/javascript',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
  '.onnx': 'application/octet-stream',
}
/** The page may load from here alone. WebAssembly needs a word of its own. */
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:"

/** Serves what `prepare.mjs` wrote into `files`; gives the server, which listens. */
export async function serve(port, files = join(here, 'files')) {
  const folders = {
    '/files/': files,
    '/lib/': join(here, '..', 'lib'),
    '/onnxruntime-web/': dirname(require.resolve('onnxruntime-web/wasm')),
    '/zoetrope/': join(dirname(require.resolve('zoetrope/package.json')), 'dist', 'esm'),
    '/': here,
  }
  const server = createServer(async ({ url }, response) => {
    const path = normalize(decodeURIComponent(new URL(url, 'http://localhost').pathname))
    const [begin, folder] = Object.entries(folders).find(([prefix]) => path.startsWith(prefix))
    const file = join(folder, path.endsWith('/') ? 'index.html' : path.slice(begin.length))
    const found = await stat(file).catch(() => undefined)
    if (!found?.isFile()) return response.writeHead(404).end()
    response.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-length': found.size,
      'content-security-policy': POLICY,
    })
    createReadStream(file).pipe(response)
  })
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  return server
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = await serve(Number(process.argv[2] ?? 8080))
  console.log(`http://localhost:${server.address().port}/`)
}
