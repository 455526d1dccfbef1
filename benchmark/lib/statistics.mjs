/** The middle of some numbers, their spread, and a line through points. */

export function quantile(values, share) {
  const sorted = Float64Array.from(values).toSorted()
  const position = (sorted.length - 1) * share
  const [below, above] = [Math.floor(position), Math.ceil(position)]
  return sorted[below] + (sorted[above] - sorted[below]) * (position - below)
}

export const median = (values) => quantile(values, 0.5)

/** One number per round: their median, smallest and largest. */
export function summary(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values), values }
}

/** The least-squares line through points `[x, y]`: y = slope · x + intercept, and the share of the variance it explains. */
export function linearFit(points) {
  const mean = (pick) => points.reduce((sum, point) => sum + pick(point), 0) / points.length
  const [meanX, meanY] = [mean(([x]) => x), mean(([, y]) => y)]
  const covariance = mean(([x, y]) => (x - meanX) * (y - meanY))
  const slope = covariance / mean(([x]) => (x - meanX) ** 2)
  const intercept = meanY - slope * meanX
  const unexplained = mean(([x, y]) => (y - slope * x - intercept) ** 2)
  return { slope, intercept, r2: 1 - unexplained / mean(([, y]) => (y - meanY) ** 2) }
}
