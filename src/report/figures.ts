/** Figures as people read them. */

/** `.912` as `91.2 %`. */
export function percent(share: number, digits = 1): string {
  return Number.isNaN(share) ? '–' : `${(share * 100).toFixed(digits)} %`
}

/** A number with three digits that count: `0.0123`, `12.3`, `1230`. */
export function short(value: number): string {
  if (Number.isNaN(value)) return '–'
  if (Number.isInteger(value) || !Number.isFinite(value)) return String(value)
  const text = value.toPrecision(3)
  return text.includes('e') ? text : String(Number(text))
}

/** `1,234` */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** `1 clip`, `2 clips` */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** `8.2 s`, `3 min 5 s`, `2 h 4 min` */
export function duration(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return `${seconds < 10 ? Number(seconds.toFixed(1)) : whole} s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min ${whole % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
