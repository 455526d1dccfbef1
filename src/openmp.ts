/** How libtorch's OpenMP threads wait for work. */

/**
 * How often a thread without work looks for some before it sleeps. A look takes 10 ns on the machines of
 * docs/engine-measurements.md, so the thread looks for 0.2 ms. Some processors take seven times as long. Most pauses
 * inside a training step are shorter.
 *
 * libgomp's default is 300,000. It keeps a core busy after each call of a service. When other programs need the cores
 * too, it takes a core from the thread that the others wait for.
 */
const SPIN_COUNT = '20000'

/**
 * Calls `load`, which loads libgomp. libgomp reads its settings from the environment at that moment only. A setting of
 * the user's takes precedence. The environment is the same afterwards.
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
