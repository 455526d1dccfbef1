/** Lets a promise that nobody waits for reject unheard: what came with it is told in another way. Other values may come. */
export function ignoreRejection(value: unknown): void {
  Promise.resolve(value).catch(() => undefined)
}
