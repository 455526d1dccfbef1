/** Labels as a text. */

/** Whether the labels of a text stand side by side: every name is one character. */
export function isSideBySide(classes: readonly string[]): boolean {
  return classes.every((name) => Array.from(name).length === 1)
}

/** Labels as one text. */
export function joinLabels(labels: readonly string[], classes: readonly string[]): string {
  return labels.join(isSideBySide(classes) ? '' : ' ')
}
