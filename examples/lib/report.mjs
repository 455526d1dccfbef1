const columns = ['epoch', 'loss', 'accuracy', 'test loss', 'test accuracy', 'samples/s', 'seconds']

/** Prints an epoch of `fit` as a row of a table, under the table's head if it is the first. */
export function printEpoch({ epoch, train, validation }) {
  if (epoch === 1) console.log(columns.join('  '))
  const row = [
    epoch,
    train.loss.toFixed(4),
    percent(train.accuracy),
    validation.loss.toFixed(4),
    percent(validation.accuracy),
    train.samplesPerSecond.toFixed(0),
    train.seconds.toFixed(1),
  ]
  console.log(row.map((value, column) => String(value).padStart(columns[column].length)).join('  '))
}

/** 0.9897 → '98.97 %'. */
export function percent(fraction) {
  return `${(100 * fraction).toFixed(2)} %`
}
