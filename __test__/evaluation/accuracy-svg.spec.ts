import test from 'ava'
import { accuracySvg } from 'zoetrope'
import { refuses, untyped } from '../helpers/expect'

const point = { accuracy: 0.5, correct: 2, samples: 4, loss: 1 }

test('a curve has a point for each entry, and stays inside its frame', (t) => {
  const svg = accuracySvg([
    { ...point, frames: 1, accuracy: 0 },
    { ...point, frames: 5, accuracy: 0.5 },
    { ...point, frames: 20, accuracy: 1 },
  ])
  t.regex(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 640 400"/)
  const points = /<polyline points="([^"]*)"/.exec(svg)![1]!
  t.is(points, '91.6,344 202,196 616,48')
  t.is(svg.match(/<circle /g)!.length, 3)
  t.true(svg.includes('>frames</text>') && svg.includes('>100 %</text>'))
})

test('shares, regressions and points that are not numbers', (t) => {
  t.true(accuracySvg([{ ...point, share: 0.5 }]).includes('share of the clip'))
  const errors = accuracySvg([
    { ...point, frames: 1, accuracy: Number.NaN, mae: 4 },
    { ...point, frames: 2, accuracy: Number.NaN, mae: Number.NaN },
  ])
  t.true(errors.includes('Mean absolute error'))
  t.is(errors.match(/<circle /g)!.length, 1)
  t.notRegex(errors, /NaN|Infinity|undefined/)
})

test('a title is text, whatever it holds', (t) => {
  const svg = accuracySvg([{ ...point, frames: 1 }], { title: '<script>"&\'\u0000\uD800 früh' })
  t.true(svg.includes('&#60;script&#62;&#34;&#38;&#39; früh'))
  t.false(svg.includes('<script') || svg.includes('\u0000'))
})

test('anything that is no curve is refused', async (t) => {
  for (const curve of [
    undefined,
    [],
    [null],
    [{}],
    [{ frames: 1 }],
    [{ ...point, frames: -1 }],
    [{ ...point, frames: '1' }],
    new Proxy([{ ...point, frames: 1 }], {
      get: (array, key) => (key === 'length' ? 2 ** 32 : Reflect.get(array, key)),
    }),
  ]) {
    await refuses(t, TypeError, /for `curve/, () => accuracySvg(untyped(curve)))
  }
  await refuses(t, TypeError, /for `title`/, () => accuracySvg([{ ...point, frames: 1 }], { title: untyped(3) }))
})
