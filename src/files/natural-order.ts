/**
 * The order in which people number things: runs of digits compare by their value, so 'frame2' comes before 'frame10'.
 * The same on every machine: letters compare by their code, not by a locale. Of equal numbers the one with fewer zeros in
 * front comes first.
 */
export function compareNaturally(left: string, right: string): number {
  let [a, b] = [0, 0]
  while (a < left.length && b < right.length) {
    if (isDigit(left, a) && isDigit(right, b)) {
      const [endA, endB] = [endOfDigits(left, a), endOfDigits(right, b)]
      const order = compareNumbers(left.slice(a, endA), right.slice(b, endB))
      if (order !== 0) return order
      ;[a, b] = [endA, endB]
    } else {
      const order = left.charCodeAt(a) - right.charCodeAt(b)
      if (order !== 0) return order
      a++
      b++
    }
  }
  return left.length - a - (right.length - b)
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code >= 0x30 && code <= 0x39
}

function endOfDigits(text: string, start: number): number {
  let end = start
  while (end < text.length && isDigit(text, end)) end++
  return end
}

/** By value, however many digits there are. */
function compareNumbers(left: string, right: string): number {
  const [a, b] = [left.replace(/^0+(?=\d)/, ''), right.replace(/^0+(?=\d)/, '')]
  if (a.length !== b.length) return a.length - b.length
  if (a !== b) return a < b ? -1 : 1
  return left.length - right.length
}
