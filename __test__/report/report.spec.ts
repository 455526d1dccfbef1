import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { Adam, CnnLstm, DataLoader, TensorDataset, fit, test as testModel, writeReport } from 'zoetrope'
import { withBrowser } from '../helpers/browser'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { VECTORS, clip, sequences } from '../helpers/sequences'
import { movingDotLoader, movingDots, toyModel } from '../helpers/toy'

const folder = mkdtempSync(join(tmpdir(), 'zoetrope-report-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
const HOSTILE = ['<script>alert(1)</script>', `"'&<b onclick=alert(2)>`] as const

test('the report’s figures are those of `test`, to the digit', async (t) => {
  await using model = await toyModel()
  const loader = movingDotLoader(40, {}, 2)
  const path = join(folder, 'figures.html')
  const { result, interval, calibration, mistakes, data, byFrames } = await writeReport(path, model, loader)
  const { seconds: _, samplesPerSecond: __, ...expected } = await testModel(model, loader, { auc: true })
  t.like(result, expected)
  t.is(interval!.method, 'wilson')
  t.is(data.samples, 40)
  t.is(byFrames.at(-1)!.accuracy, result.accuracy)
  t.is(mistakes.length, Math.min(12, Math.round(40 * (1 - result.accuracy))))
  t.is(
    calibration!.bins.reduce((sum, { count }) => sum + count, 0),
    40,
  )
  const page = readFileSync(path, 'utf8')
  t.true(page.includes(`${(result.accuracy * 100).toFixed(1)} %`))
  t.false(page.includes('<script'))
})

test('the same weights and data have the same hashes; others do not', async (t) => {
  await using model = await toyModel()
  const path = join(folder, 'hashes.html')
  const first = await writeReport(path, model, movingDotLoader(10))
  const second = await writeReport(path, model, movingDotLoader(10, { batchSize: 3 }))
  const other = await writeReport(path, model, movingDotLoader(10, {}, 3))
  t.is(first.data.hash, second.data.hash)
  t.is(first.model.hash, second.model.hash)
  t.not(first.data.hash, other.data.hash)
})

test('frames that are all alike do not matter, and a clip’s mean frame changes nothing', async (t) => {
  await using model = await toyModel()
  const inputs = { data: new Uint8Array(4 * 6 * 64).fill(90), shape: [4, 6, 1, 8, 8] }
  const loader = new DataLoader(new TensorDataset({ inputs, targets: [0, 1, 0, 1] }))
  const { occlusion } = await writeReport(join(folder, 'alike.html'), model, loader)
  t.is(occlusion!.clips, 4)
  for (const change of occlusion!.changes) t.true(Math.abs(change) < 1e-6)
})

for (const [name, options, target] of [
  ['several labels', { classes: HOSTILE, head: 'multiLabel' }, (i: number) => [i % 2, (i >> 1) % 2]],
  ['numbers', { head: { kind: 'regression', outputs: 2 } }, (i: number) => [i, -i]],
  ['one number', { head: 'regression' }, (i: number) => i / 7],
] as const) {
  test(`a report of ${name}`, async (t) => {
    await using model = await CnnLstm.create({ ...VECTORS, ...untyped<{ numClasses: number }>(options) })
    const samples = sequences(20, (_, index) => [target(index)].flat())
    const { result, rankings, regression, interval } = await writeReport(join(folder, 'heads.html'), model, new DataLoader(samples)) // prettier-ignore
    const isRegression = name !== 'several labels'
    t.is(regression.length, name === 'numbers' ? 2 : isRegression ? 1 : 0)
    t.is(interval === undefined, isRegression)
    t.is(rankings.length, isRegression ? 0 : 2)
    if (!isRegression) t.true(Math.abs((rankings[0]!.area + rankings[1]!.area) / 2 - result.auc!) < 1e-9)
  })
}

test('a report of a head per frame counts frames, and its interval draws clips', async (t) => {
  await using model = await CnnLstm.create({ ...VECTORS, numClasses: 2, head: { per: 'frame' } })
  const samples = sequences(12, (input) => Array.from({ length: input.shape[0]! }, (_, frame) => frame % 2))
  const { interval, result, lengths } = await writeReport(join(folder, 'frames.html'), model, new DataLoader(samples))
  t.like(interval, { method: 'groups', groups: 12 })
  t.is(
    result.perClass!.reduce((sum, { support }) => sum + support, 0),
    lengths.reduce((sum, length) => sum + length),
  )
})

for (const head of ['ctc', { kind: 'sequence', maxLength: 4 }] as const) {
  const kind = typeof head === 'string' ? head : head.kind
  test(`a report of label strings (${kind}) has error rates and the strings that differ most`, async (t) => {
    await using model = await CnnLstm.create({ ...VECTORS, classes: ['a', '<b>'], head })
    const samples = sequences(20, (_, index) => (kind === 'ctc' ? [index % 2] : [index % 2 === 0 ? 'a' : '<b>']))
    const path = join(folder, `${kind}.html`)
    const loader = new DataLoader(samples)
    const { result, mistakes, interval, calibration, lengths } = await writeReport(path, model, loader)
    t.is(result.cer, (await testModel(model, loader)).cer)
    t.is(calibration, undefined)
    t.is(lengths.length, 20)
    t.true(interval!.low <= result.exact! && result.exact! <= interval!.high)
    t.is(mistakes.length, Math.min(12, Math.round(20 * (1 - result.exact!))))
    const page = readFileSync(path, 'utf8')
    t.true(page.includes('label error rate') && page.includes('&lt;b&gt;'))
    t.false(page.includes('<b><b>'))
  })
}

test('a report of a forecast has the error of each step beside forecasts without a model', async (t) => {
  await using model = await CnnLstm.create({
    input: { features: 3 },
    lstm: { hiddenSize: 8 },
    head: { kind: 'forecast', horizon: 2 },
    device: 'cpu',
  })
  const samples = sequences(20, () => 0).map(({ input }, index) => ({
    input: clip(8 + (index % 3), input.data.length),
  }))
  const path = join(folder, 'forecast.html')
  const { result, interval } = await writeReport(path, model, new DataLoader(samples))
  t.is(result.byStep!.length, 2)
  t.is(interval, undefined)
  const page = readFileSync(path, 'utf8')
  for (const text of ['the last step, repeated', 'scaled error (MASE)', 'Mean absolute error'])
    t.true(page.includes(text))
})

test('`fit` writes the report of its validation data with the best weights, and warns of shared clips in it', async (t) => {
  await using model = await toyModel()
  const path = join(folder, 'fit.html')
  const validation = movingDotLoader(20, {}, 5)
  const groups = Array.from({ length: 20 }, (_, index) => index % 4)
  await fit(model, {
    train: movingDotLoader(40, { shuffle: true }),
    validation,
    epochs: 3,
    optimizer: new Adam(model, { learningRate: 1e-2 }),
    best: 'accuracy',
    progress: false,
    report: { path: pathToFileURL(path), title: 'Dots <3', groups, command: 'node dots.js' },
  })
  const page = readFileSync(path, 'utf8')
  const { accuracy } = await testModel(model, validation)
  t.true(page.includes(`${(accuracy * 100).toFixed(1)} %`))
  for (const text of ['Dots &lt;3', 'node dots.js', 'the best by accuracy', 'draws 4 groups'])
    t.true(page.includes(text), text)
})

test('a report that cannot be written is ERR_DATA with its path; nothing is left beside it', async (t) => {
  await using model = await toyModel()
  const path = join(folder, 'missing', 'report.html')
  const error = await failsWith(t, 'ERR_DATA', async () => writeReport(path, model, movingDotLoader(4)))
  t.is(error.details.path, path)
  const directory = mkdtempSync(join(folder, 'taken-'))
  const taken = join(directory, 'report.html')
  mkdirSync(taken)
  await failsWith(t, 'ERR_DATA', async () => writeReport(taken, model, movingDotLoader(4)))
  t.deepEqual(readdirSync(directory), ['report.html'])
})

test('an abort writes no file, and rejects with its reason', async (t) => {
  await using model = await toyModel()
  const path = join(folder, 'aborted.html')
  const reason = new Error('enough')
  const error = await t.throwsAsync(writeReport(path, model, movingDotLoader(4), { signal: AbortSignal.abort(reason) }))
  t.is(error, reason)
  t.false(existsSync(path))
})

test('wrong arguments are told before anything is read', async (t) => {
  await using model = await toyModel()
  const loader = movingDotLoader(4)
  await refuses(t, TypeError, /Unknown option `titel`; did you mean `title`\?/, async () =>
    writeReport('x.html', model, loader, untyped({ titel: 'x' })),
  )
  await refuses(t, TypeError, /a string for `title`/, async () =>
    writeReport('x.html', model, loader, untyped({ title: 3 })),
  )
  await refuses(t, TypeError, /a path/, async () => writeReport(untyped(3), model, loader))
  const iterable = new DataLoader((function* () {})())
  await refuses(t, TypeError, /`length` and `get`/, async () => writeReport('x.html', model, iterable))
  await refuses(t, TypeError, /a path for `report.path`/, () =>
    fit(model, { train: loader, epochs: 1, optimizer: new Adam(model), report: untyped({ title: 'x' }) }),
  )
  t.false(existsSync('x.html'))
})

withBrowser(
  'names that look like markup are text, in light and dark, and the page asks for nothing',
  async (t, open) => {
    await using model = await CnnLstm.create({ input: { channels: 1, height: 8, width: 8 }, classes: HOSTILE, seed: 0, device: 'cpu' }) // prettier-ignore
    const path = join(folder, 'hostile.html')
    await writeReport(path, model, new DataLoader(new TensorDataset(movingDots(30))), {
      title: '<img src=x onerror=alert(3)>',
      names: (index) => `<script>alert(${index})</script>.mp4`,
      groups: Array.from({ length: 30 }, (_, index) => `<i>${index}`),
      settings: { '</pre><script>': '</script>' },
      command: 'rm "<x>" && echo',
      skipped: [{ path: '<a href=//evil.example>', reason: '<svg onload=alert(4)>' }],
      findings: [{ level: 'warning', code: 'cost', message: '<b>bold</b>', remedy: '<u>' }],
    })
    const address = pathToFileURL(path).href
    for (const dark of [false, true]) {
      const { page, problems, requests } = await open(address, dark)
      t.deepEqual(problems, [])
      t.deepEqual(
        requests.filter((request) => request !== address && !request.startsWith('data:')),
        [],
      )
      t.is(await page.title(), '<img src=x onerror=alert(3)>')
      const text = await page.innerText('body')
      for (const name of HOSTILE) t.true(text.includes(name), name)
      t.is(await page.locator('script').count(), 0)
      t.is(await page.locator('[onclick], [onload], [onerror]').count(), 0)
      // Nothing is wider than a phone.
      t.is(await page.evaluate('document.documentElement.scrollWidth'), 390)
      const broken = await page.evaluate('[...document.images].filter((image) => image.naturalWidth === 0).length')
      t.is(broken, 0)
    }
  },
)
