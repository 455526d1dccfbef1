/** The largest size that the native side takes. It keeps every product of sizes far from overflow. */
export const LARGEST = 2 ** 20
