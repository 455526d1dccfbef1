/** Pictures in memory, as the report and the event files show clips. */

/** Pixels of red, green and blue. */
export interface Picture {
  readonly width: number
  readonly height: number
  /** `[height, width, 3]`. */
  readonly pixels: Uint8Array
}

export function blank(width: number, height: number): Picture {
  return { width, height, pixels: new Uint8Array(width * height * 3) }
}
