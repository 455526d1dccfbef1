/** Heads whose answers are probabilities of classes or labels, or numbers: each can be right or wrong by itself. */
export type AnswerKind = 'classification' | 'multiLabel' | 'regression'

/** Whether answers of this kind of head are looked at one by one. */
export function isAnswerKind(kind: string): kind is AnswerKind {
  return kind === 'classification' || kind === 'multiLabel' || kind === 'regression'
}
