/** How much memory a program that does the same over and over comes to hold. */

const MEBIBYTE = 2 ** 20

/**
 * Runs `body` as often as the program's arguments say, `warmUp count`: prints how the resident memory grew after the
 * warm-up, in MiB. Needs `--expose-gc`.
 */
export async function printGrowth(body: () => Promise<unknown>): Promise<void> {
  const [warmUp, count] = process.argv.slice(2).map(Number) as [number, number]
  for (let run = 0; run < warmUp; run++) await body()
  globalThis.gc?.()
  const before = process.memoryUsage.rss()
  for (let run = 0; run < count; run++) await body()
  globalThis.gc?.()
  process.stdout.write(JSON.stringify({ growth: (process.memoryUsage.rss() - before) / MEBIBYTE }))
}
