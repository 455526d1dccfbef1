/**
 * Leaves with code 7 while many jobs wait for the thread that prepares batches: prints how long one of them takes, in
 * milliseconds, just before.
 */
import { logMel } from 'zoetrope'

const JOBS = 2000
const recording = { data: new Float32Array(16_000).fill(0.5), shape: [16_000] }
const job = async (): Promise<unknown> => logMel(recording, { sampleRate: 16_000, hopLength: 4 })

async function main(): Promise<void> {
  await job()
  const before = performance.now()
  await job()
  const duration = performance.now() - before
  for (let count = 0; count < JOBS; count++) void job()
  if (process.argv[2] === 'remove') process.removeAllListeners('exit')
  process.stdout.write(`${duration}\n`, () => process.exit(7))
}

void main()
