/** How libtorch's OpenMP threads wait for work. */

/**
 * Looks for work that a thread without any takes before it sleeps: 0.3 to 1.5 ms, which the pauses inside of a training
 * step are shorter than. libgomp's own 300,000 keep a core busy for up to 20 ms after each call of a service, and take
 * it from the thread that is waited for when other programs need the cores. Measured in docs/engine.md.
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
