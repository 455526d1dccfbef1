/** The largest size that the native side takes. It keeps every product of sizes far from overflow. */
export const LARGEST = 2 ** 20
/** The largest float32. */
export const LARGEST_FLOAT = (2 - 2 ** -23) * 2 ** 127
/** The least float32 with all its digits; its reciprocal is a float32, too. */
export const SMALLEST_FLOAT = 2 ** -126
