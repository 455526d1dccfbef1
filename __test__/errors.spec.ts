import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { ERROR_CODES, ZoetropeError } from 'zoetrope'
import { REPOSITORY } from './helpers/child'

test('every code is documented, and every documented code exists', (t) => {
  const page = readFileSync(join(REPOSITORY, 'docs', 'errors.md'), 'utf8')
  const headings = [...page.matchAll(/^## `(ERR_\w+)`$/gm)].map(([, code]) => code)
  t.deepEqual(headings, [...ERROR_CODES])
})

test('an error has a code, details and a cause', (t) => {
  const cause = new Error('why')
  const error = new ZoetropeError('ERR_DATA', 'what', { index: 3 }, { cause })
  t.true(error instanceof Error)
  t.is(error.name, 'ZoetropeError')
  t.is(error.code, 'ERR_DATA')
  t.deepEqual(error.details, { index: 3 })
  t.is(error.cause, cause)
  t.is(String(error), 'ZoetropeError: what')
})
