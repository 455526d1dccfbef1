/** Label strings that share their beginnings, and the exact probability of each: as `trie.rs` of the native half. */

/** The empty string. */
export const ROOT = 0

/** The logarithm of the sum of two numbers, of their logarithms. */
export function logAdd(x: number, y: number): number {
  const [larger, smaller] = x >= y ? [x, y] : [y, x]
  return smaller === -Infinity ? larger : larger + Math.log1p(Math.exp(smaller - larger))
}

/** A node stands for the string from the root to it. Parents come before their children. */
export class Strings {
  readonly #parents = [ROOT]
  /** The output of the last label, the class + 1; 0 of the root. */
  readonly #outputs = [0]
  readonly #children = new Map<string, number>()

  parent(node: number): number {
    return this.#parents[node] ?? ROOT
  }

  output(node: number): number {
    return this.#outputs[node] ?? 0
  }

  /** The node of a string with one output more. */
  child(node: number, output: number): number {
    const key = `${node},${output}`
    const known = this.#children.get(key)
    if (known !== undefined) return known
    this.#parents.push(node)
    this.#outputs.push(output)
    this.#children.set(key, this.#parents.length - 1)
    return this.#parents.length - 1
  }

  /** The node of a string of classes. */
  insert(labels: readonly number[]): number {
    return labels.reduce((node, label) => this.child(node, label + 1), ROOT)
  }

  /** The classes from the root to a node. */
  labels(node: number): number[] {
    const labels: number[] = []
    for (let at = node; at !== ROOT; at = this.parent(at)) labels.unshift(this.output(at) - 1)
    return labels
  }

  /**
   * The logarithm of the probability of a string: the sum over all paths through the frames that read as it.
   *
   * The forward recursion of CTC. A path that reads as a string ends with a blank or with the string's own last label.
   */
  logProbability(node: number, rows: readonly Float64Array[]): number {
    const outputs = [0, ...this.labels(node).map((label) => label + 1)]
    const blank = outputs.map((_, at) => (at === 0 ? 0 : -Infinity))
    const label = outputs.map(() => -Infinity)
    for (const row of rows) {
      // From the end: what a string needs of the shorter one is still that of the frame before.
      for (let at = outputs.length - 1; at >= 0; at--) {
        const total = logAdd(blank[at] ?? -Infinity, label[at] ?? -Infinity)
        if (at > 0) {
          const output = outputs[at] ?? 0
          const [shorterBlank = -Infinity, shorterLabel = -Infinity] = [blank[at - 1], label[at - 1]]
          const before = output === outputs[at - 1] ? shorterBlank : logAdd(shorterBlank, shorterLabel)
          label[at] = (row[output] ?? -Infinity) + logAdd(label[at] ?? -Infinity, before)
        }
        blank[at] = (row[0] ?? -Infinity) + total
      }
    }
    return logAdd(blank.at(-1) ?? -Infinity, label.at(-1) ?? -Infinity)
  }
}
