/** State dicts by other names, and in part. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import test from 'ava'
import { CnnLstm } from 'zoetrope'
import { failsWith, refuses, untyped } from '../helpers/expect'
import { safetensors } from '../helpers/safetensors'
import { movingDots, toyModel } from '../helpers/toy'
import type { FloatArray, LoadOptions } from 'zoetrope'

const clips = movingDots(4).inputs

let folder: string
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zoetrope-load-'))
})
test.after.always(async () => rm(folder, { recursive: true, force: true }))

type State = Map<string, FloatArray>

const renamed = (state: State, rename: (name: string) => string): State =>
  new Map([...state].map(([name, array]) => [rename(name), array]))

/** Loads the same weights from memory and from a file. */
async function both(state: State, load: (from: State | string) => Promise<void>): Promise<void> {
  await load(state)
  const path = join(await mkdtemp(join(folder, 'own-')), 'weights.safetensors') // tests run side by side
  await writeFile(path, safetensors(state))
  await load(path)
}

test('a prefix is taken off, names are changed by an object or a function', async (t) => {
  await using source = await toyModel({ seed: 1 })
  const expected = await source.logits(clips)
  const state = await source.stateDict()
  const cases: [(name: string) => string, LoadOptions][] = [
    [(name) => `module.${name}`, { prefix: 'module.' }],
    [(name) => `_orig_mod.module.${name}`, { prefix: '_orig_mod.module.' }],
    [(name) => name.replace('lstm.lstm', 'rnn'), { rename: (name) => name.replace('rnn', 'lstm.lstm') }],
    [(name) => `net.${name === 'fc.bias' ? 'b' : name}`, { prefix: 'net.', rename: { b: 'fc.bias' } }],
  ]
  for (const [name, options] of cases) {
    await both(renamed(state, name), async (from) => {
      await using model = await toyModel({ seed: 2 })
      t.is(await model.loadStateDict(from, options), undefined, 'every name had its partner')
      t.deepEqual(await model.logits(clips), expected)
    })
  }
})

test('strict: false loads what is there, and says what was not', async (t) => {
  await using source = await toyModel({ seed: 1 })
  const state = renamed(await source.stateDict(), (name) => (name.startsWith('cnn') ? `encoder.${name}` : name))
  await both(state, async (from) => {
    await using model = await toyModel({ seed: 2 })
    const before = await model.stateDict()
    const strict = await failsWith(t, 'ERR_CHECKPOINT', async () => model.loadStateDict(from, { prefix: 'encoder.' }))
    t.true((strict.details['missing'] as string[]).includes('fc.weight'))
    t.deepEqual(await model.stateDict(), before)
    const { missing, unexpected } = await model.loadStateDict(from, { prefix: 'encoder.', strict: false })
    t.true(missing.includes('fc.weight') && !missing.includes('cnn.conv1.weight'))
    t.true(unexpected.some((name) => name.endsWith('fc.weight')))
    const after = await model.stateDict()
    t.deepEqual(after.get('cnn.conv1.weight'), state.get('encoder.cnn.conv1.weight'))
    t.deepEqual(after.get('fc.weight'), before.get('fc.weight'))
  })
})

test('a function leaves tensors out; a wrong shape is an error all the same', async (t) => {
  await using source = await toyModel({ seed: 1 })
  const state = await source.stateDict()
  await both(new Map([...state, ['extra', { data: new Float32Array(3), shape: [3] }]]), async (from) => {
    await using model = await toyModel({ seed: 2 })
    const rename = (name: string): string | undefined => (name === 'extra' ? undefined : name)
    await model.loadStateDict(from, { rename })
  })
  state.set('fc.bias', { data: new Float32Array(3), shape: [3] })
  await both(state, async (from) => {
    await using model = await toyModel({ seed: 2 })
    const error = await failsWith(t, 'ERR_CHECKPOINT', async () => model.loadStateDict(from, { strict: false }))
    t.regex(error.message, /fc\.bias: expected \[2\], received \[3\]/)
  })
})

test('wrong options are told, and what a function throws comes through', async (t) => {
  await using model = await toyModel()
  const state = await model.stateDict()
  await both(state, async (from) => {
    const load = (options: unknown) => async () => model.loadStateDict(from, untyped(options))
    await refuses(t, TypeError, /a string for `prefix`/, load({ prefix: 1 }))
    await refuses(t, TypeError, /a boolean for `strict`/, load({ strict: 'no' }))
    await refuses(t, TypeError, /an object for `rename`/, load({ rename: 'a' }))
    await refuses(t, TypeError, /a string for `rename\['a'\]`/, load({ rename: { a: 1 } }))
    await refuses(t, TypeError, /a string or undefined for `rename\('/, load({ rename: () => 1 }))
    await refuses(t, RangeError, /a name of its own/, load({ rename: () => 'fc.bias' }))
    await refuses(t, TypeError, /Unknown option `prefixes`; did you mean `prefix`/, load({ prefixes: 'a' }))
    const reason = new Error('no')
    const throws = () => {
      throw reason
    }
    await t.throwsAsync(load({ rename: throws }), { is: reason })
  })
  t.deepEqual(await model.stateDict(), state)
})

test('calls come after a file by other names, in the order in which they were made', async (t) => {
  await using source = await toyModel({ seed: 1 })
  await using model = await toyModel({ seed: 2 })
  const path = join(folder, 'order.safetensors')
  await writeFile(path, safetensors(renamed(await source.stateDict(), (name) => `module.${name}`)))
  const [before, expected] = [await model.logits(clips), await source.logits(clips)]
  const first = model.logits(clips)
  const loading = model.loadStateDict(path, { prefix: 'module.' })
  const answers = Array.from({ length: 6 }, async () => model.logits(clips))
  t.deepEqual(await first, before)
  await loading
  for (const answer of await Promise.all(answers)) t.deepEqual(answer, expected)
})

test('a disposed model refuses what waits for its turn', async (t) => {
  const model = await toyModel()
  const path = join(folder, 'disposed.safetensors')
  await writeFile(path, safetensors(await model.stateDict()))
  const running = [model.logits(clips), model.logits(clips)].map(async (call) => call.catch(() => undefined))
  const waiting = [1, 2].map(async () => model.loadStateDict(path, { prefix: '', rename: (name) => name }))
  const refusals = waiting.map(async (call) => failsWith(t, 'ERR_DISPOSED', async () => call))
  await model.dispose()
  await Promise.all([...running, ...refusals])
})

test('a file of torch.save is told to be a pickle, and is not read', async (t) => {
  await using model = await toyModel()
  const name = Buffer.from('archive/data.pkl')
  const pickle = deflateRawSync(Buffer.from('\u0080\u0002}.', 'latin1'))
  const header = Buffer.alloc(30)
  header.writeUInt32LE(0x04034b50, 0)
  header.writeUInt16LE(0x0808, 6)
  header.writeUInt16LE(name.length, 26)
  const files = {
    'zip.pt': Buffer.concat([header, name, pickle]),
    'legacy.pt': Buffer.from('8002 8a0a 6cfc 9c46 f920 6aa8 5019 2e80 024d e903 2e'.replaceAll(' ', ''), 'hex'),
    'protocol4.pkl': Buffer.from('80049503000000000000007d942e', 'hex'),
  }
  for (const [file, bytes] of Object.entries(files)) {
    const path = join(folder, file)
    await writeFile(path, bytes)
    for (const load of [async () => model.loadStateDict(path), async () => CnnLstm.load(path)]) {
      const error = await failsWith(t, 'ERR_CHECKPOINT', load)
      t.regex(error.message, /torch\.save, a pickle.*never reads.*docs\/model\.md/)
    }
  }
})
