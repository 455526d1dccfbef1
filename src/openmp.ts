/** How libtorch's OpenMP threads wait for work. */

/**
 * Looks for work that a thread without any takes before it sleeps: 0.2 ms where a look takes 10 ns, as on the machine of
 * docs/engine.md, 1.4 ms on processors that take seven times as long. Most pauses inside of a training step are shorter.
 * libgomp's own 300,000 keep a core busy after each call of a service, and take it from the thread that is waited for when
 * other programs need the cores too.
 */
const SPIN_COUNT = '20000'

/**
 * Loads what brings libgomp with it, which reads its settings from the environment then and never again. A choice that
 * the user made there stands; the environment is left as it was.
 */
export function loadWithShortWaits<T>(load: () => T): T {
  const { env } = process
  if (env.GOMP_SPINCOUNT !== undefined || env.OMP_WAIT_POLICY !== undefined) return load()
  env.GOMP_SPINCOUNT = SPIN_COUNT
  try {
    return load()
  } finally {
    delete env.GOMP_SPINCOUNT
  }
}
