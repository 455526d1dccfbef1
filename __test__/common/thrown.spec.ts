/** What a program throws may be anything: telling of it must not fail in its turn. */
import { once } from 'node:events'
import test from 'ava'
import { CnnLstm, DataLoader } from 'zoetrope'
import { collect } from '../helpers/collect'
import { failsWith, refuses, untyped } from '../helpers/expect'
import type { DataSource } from 'zoetrope'

function fail(): never {
  throw new Error('thrown by a trap')
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const thrown: readonly (readonly [make: () => unknown, told: string])[] = [
  [() => new Error('own'), 'own'],
  [() => null, 'null'],
  [() => Symbol('x'), 'a symbol'],
  [() => 10n, '10n'],
  [() => Object.create(null), 'an object'],
  [() => ({ toString: fail, [Symbol.toPrimitive]: fail }), 'an object'],
  [() => new Proxy({}, { get: fail }), 'an object'],
  [revoked, 'an object'],
  [() => Object.assign(new Error('x'), { message: Symbol('x') }), 'a symbol'],
  [() => Object.defineProperty(new Error('x'), 'message', { get: fail }), 'an error'],
]

test("a dataset's failure is told, whatever it threw", async (t) => {
  for (const [make, told] of thrown) {
    const cause = make()
    const get = (): never => {
      throw cause
    }
    const error = await failsWith(t, 'ERR_DATA', async () => collect(new DataLoader({ length: 1, get })))
    t.is(error.message, `The dataset failed at index 0: ${told}`)
    t.true(error.cause === cause)
  }
})

test.serial('a callback that rejects becomes a warning, whatever it rejected with', async (t) => {
  const model = await CnnLstm.create({ input: { features: 2 }, numClasses: 2, lstm: { hiddenSize: 2 }, device: 'cpu' })
  for (const [make, told] of thrown) {
    const print = async (): Promise<never> => Promise.reject(make())
    const warned = once(process, 'warning')
    model.summary({ print })
    const [warning] = (await warned) as [Error]
    t.is(warning.message, `The promise that \`print\` gave was rejected: ${told}`)
  }
  await model.dispose()
})

test('a revoked proxy, and one whose traps throw, are refused in words', async (t) => {
  for (const make of [revoked, () => new Proxy({}, { getPrototypeOf: fail })]) {
    await refuses(t, TypeError, /^(Expected|Cannot perform)/, () => new DataLoader(untyped<DataSource>(make())))
    await refuses(t, TypeError, /^Expected/, async () => CnnLstm.load(untyped({ path: make() })))
  }
})
