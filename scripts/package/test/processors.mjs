/**
 * `node scripts/package/test/processors.mjs [FOLDER]`: which instructions libtorch and the addon need of an x86 processor.
 * Runs networks of every kind of layer in `qemu-x86_64` (`apt install qemu-user`), which refuses instructions that the
 * emulated processor has not. FOLDER is the package's; default the clone. `missingInstructions` in src/loader/machine.ts
 * refuses what fails here.
 */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { capture, main, root, SetupError } from '../../steps.mjs'

const PROGRAM = fileURLToPath(new URL('programs/networks.cjs', import.meta.url))

/**
 * QEMU's names, and whether networks must train there. QEMU 7.2 dies of a segmentation fault in code for AVX2 that oneDNN
 * generates, and that runs on real processors (`ONEDNN_MAX_CPU_ISA=AVX2`): there, oneDNN is held to AVX.
 */
const PROCESSORS = [
  { model: 'qemu64,-sse3,-cx16,-lahf-lm', about: 'the first x86-64: SSE2', works: false },
  { model: 'Conroe', about: '2006: SSSE3', works: false },
  { model: 'Conroe,+sse4.1', about: 'the same with SSE4.1', works: true },
  { model: 'Penryn', about: '2008: SSE4.1', works: true },
  { model: 'Nehalem', about: '2008: SSE4.2, POPCNT', works: true },
  { model: 'SandyBridge', about: '2011: AVX', works: true },
  { model: 'Haswell', about: '2013: AVX2, FMA', works: true, oneDnn: 'AVX' },
]

/** The largest difference between losses on two processors: they add in another order. */
const TOLERANCE = 1e-5

await main(async () => {
  const folder = resolve(process.argv[2] ?? root)
  const { code } = await capture('qemu-x86_64', ['--version'])
  if (code !== 0) throw new SetupError('qemu-x86_64 was not found: `apt install qemu-user`')
  const expected = JSON.parse((await networks([process.execPath], folder)).stdout)
  const rows = []
  for (const { model, about, works, oneDnn } of PROCESSORS) {
    for (const engine of ['', 'reference']) {
      const settings = { ...(engine && { ZOETROPE_ENGINE: engine }), ...(oneDnn && { ONEDNN_MAX_CPU_ISA: oneDnn }) }
      const ending = await networks(['qemu-x86_64', '-cpu', model, process.execPath], folder, settings)
      rows.push({ processor: model, about, path: engine || 'default', found: wordsOf(ending, expected), works })
    }
  }
  console.table(rows)
  const wrong = rows.filter(({ found, works }) => works !== (found === 'the same losses'))
  if (wrong.length > 0) throw new SetupError(`${wrong.length} of ${rows.length} are otherwise than expected`)
})

function networks([command, ...args], folder, settings = {}) {
  const { ZOETROPE_ENGINE: _engine, ...env } = process.env
  return capture(command, [...args, PROGRAM, folder], { env: { ...env, ...settings }, timeout: 300_000 })
}

function wordsOf({ code, stdout, stderr }, expected) {
  if (code !== 0) return stderr.match(/Error: .*/)?.[0].slice(0, 90) ?? `ended with ${code}`
  const losses = JSON.parse(stdout.trim().split('\n').at(-1))
  const isSame = Object.entries(expected).every(([name, loss]) => Math.abs(losses[name] - loss) < TOLERANCE)
  return isSame ? 'the same losses' : `other losses: ${JSON.stringify(losses)}`
}
