import { crc32 } from 'node:zlib'
import test from 'ava'
import { readNpz } from 'zoetrope'
import { refuses, untyped } from '../../helpers/expect'
import { fileOf, npy, refusesEveryCut, refusesFile, zip } from '../../helpers/files'
import { seeded } from '../../helpers/random'
import type { ReadNpzOptions } from 'zoetrope'
import type { ZipChanges, ZipFile } from '../../helpers/files'

/** NumPy 2.4.6: np.savez('x.npz', X=np.arange(6, dtype=np.uint8).reshape(2, 3)) */
const SAVEZ =
  'UEsDBC0AAAAAAAAAIQB+ntfP//////////8FABQAWC5ucHkBABAAhgAAAAAAAACGAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzogJ3x1MScsIC' +
  'dmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgyLCAzKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg' +
  'ICAgICAgICAgICAgICAgICAKAAECAwQFUEsBAi0DLQAAAAAAAAAhAH6e18+GAAAAhgAAAAUAAAAAAAAAAAAAAIABAAAAAFgubnB5UEsFBgAAAA' +
  'ABAAEAMwAAAL0AAAAAAA=='

const CLIPS: ZipFile = { name: 'X.npy', bytes: npy('|u1', [2, 3], Uint8Array.of(1, 2, 3, 4, 5, 6)) }
const TARGETS: ZipFile = { name: 'y.npy', bytes: npy('|u1', [2], Uint8Array.of(0, 1)), isDeflated: true }

test('stored and deflated, 64-bit fields, a comment, and files that are no arrays', async (t) => {
  const readme = { name: 'README.txt', bytes: Buffer.from('hello') }
  const isZip64 = true
  const files: [ZipFile[], ZipChanges][] = [
    [[CLIPS, TARGETS], {}],
    [[readme, CLIPS, TARGETS], { comment: 'made by hand' }],
    [[CLIPS, { ...TARGETS, isZip64 }], { isZip64 }],
    [
      [
        { ...CLIPS, isDeflated: true, isZip64 },
        { ...TARGETS, isDeflated: false },
      ],
      {},
    ],
  ]
  for (const [entries, changes] of files) {
    const arrays = await readNpz(fileOf(zip(entries, changes)))
    t.deepEqual([...arrays.keys()], ['X', 'y'])
    t.deepEqual(arrays.get('X')!.data, Uint8Array.of(1, 2, 3, 4, 5, 6))
    t.deepEqual(arrays.get('y')!.data, Uint8Array.of(0, 1))
  }
})

test('what np.savez wrote (NumPy 2.4.6), with 64-bit fields in the local header', async (t) => {
  const arrays = await readNpz(fileOf(Buffer.from(SAVEZ, 'base64')))
  t.deepEqual(arrays.get('X')!.data, Uint8Array.of(0, 1, 2, 3, 4, 5))
})

test('what is no array is left out: folders, what the Finder of macOS adds, and files that nobody could read', async (t) => {
  const apple = Buffer.concat([
    Buffer.from([0, 5, 22, 7, 0, 2, 0, 0]),
    Buffer.from('Mac OS X        '),
    Buffer.alloc(40),
  ])
  const others: ZipFile[] = [
    { name: 'clips/', bytes: new Uint8Array() },
    { name: '__MACOSX/._X.npy', bytes: apple, isDeflated: true },
    { name: '.DS_Store', bytes: apple },
    { name: 'empty.npy', bytes: new Uint8Array() },
    { name: 'README', bytes: apple, flags: 1 },
    { name: 'README', bytes: apple, method: 14 },
  ]
  const path = fileOf(zip([...others, CLIPS, { ...TARGETS, hasDescriptor: true }]))
  const arrays = await readNpz(path)
  t.deepEqual([...arrays.keys()], ['X', 'y'])
  t.deepEqual(arrays.get('y')!.data, Uint8Array.of(0, 1))
  await refusesFile(t, path, () => readNpz(path, { names: ['__MACOSX/._X'] }), { offset: 0, message: /first bytes/ })
  await refusesFile(t, path, () => readNpz(path, { names: ['README'] }), {
    message: /received __MACOSX\/\._X, empty, X, y$/,
  })
})

test('an array whose first bytes are damaged is not left out: its checksum tells', async (t) => {
  const bytes = Buffer.from(CLIPS.bytes)
  bytes[0] = 0
  const stored = fileOf(zip([{ ...CLIPS, bytes, crc: crc32(CLIPS.bytes) }]))
  await refusesFile(t, stored, () => readNpz(stored), { message: /the bytes have changed$/ })
})

test('names as other programs write them', async (t) => {
  const named = async (nameBytes: Uint8Array, flags = 0) => {
    const path = fileOf(zip([{ ...CLIPS, nameBytes, flags }]))
    const [name = ''] = (await readNpz(path)).keys()
    for (const asked of [name, `${name}.npy`, name.replaceAll('/', '\\')]) {
      t.deepEqual((await readNpz(path, { names: [asked] })).get(asked)!.shape, [2, 3])
    }
    return name
  }
  t.is(await named(Buffer.from('Größe 漢字.npy'), 0x800), 'Größe 漢字')
  t.is(await named(Buffer.from('Größe 漢字.npy')), 'Größe 漢字') //                        macOS leaves the flag out
  t.is(await named(Buffer.from([0x47, 0x72, 0x94, 0xe1, 0x65, ...Buffer.from('.npy')])), 'Größe') //  Windows, CP437
  t.is(await named(Buffer.from('clips\\train\\X.npy')), 'clips/train/X')
})

test('what another program has added behind the end is left out, as Python does', async (t) => {
  for (const more of [Buffer.of(0), Buffer.alloc(1000), Buffer.from('PK\u0005\u0006')]) {
    const arrays = await readNpz(fileOf(Buffer.concat([zip([CLIPS], { comment: 'made by hand' }), more])))
    t.deepEqual([...arrays.keys()], ['X'])
  }
  const comment = `a comment with PK\u0005\u0006 and ${'\0'.repeat(30)} in it`
  t.deepEqual([...(await readNpz(fileOf(zip([CLIPS], { comment })))).keys()], ['X'])
})

test('only the arrays that are named are read', async (t) => {
  const objects = { name: 'objects.npy', bytes: npy('|O', [1], Uint8Array.of(1)) }
  const path = fileOf(zip([objects, CLIPS]))
  t.deepEqual([...(await readNpz(path, { names: ['X'] })).keys()], ['X'])
  await refusesFile(t, path, () => readNpz(path), { message: /'objects\.npy' in / })
  await refusesFile(t, path, () => readNpz(path, { names: ['x'] }), { message: /named 'x' .* received objects, X$/ })
})

test('an archive that is cut off anywhere is refused', async (t) => {
  await refusesEveryCut(t, zip([CLIPS, TARGETS]), readNpz)
  await refusesEveryCut(t, zip([{ ...CLIPS, isZip64: true }], { isZip64: true }), readNpz)
})

const directory = 30 + 5 + CLIPS.bytes.length //     where the directory of an archive of CLIPS begins
const deflated = (changes: Partial<ZipFile>): Buffer => zip([{ ...CLIPS, isDeflated: true, ...changes }])
const malformed: [string, Buffer, number | undefined, RegExp][] = [
  ['no zip', Buffer.from('this is no zip, although it is long enough for one'), 0, /directory at the end/],
  ['a .npy file', npy('|u1', [3], Uint8Array.of(1, 2, 3)), 0, /directory at the end/],
  ['a directory elsewhere', zip([CLIPS], { directoryOffset: directory + 1 }), undefined, /ends before byte/],
  ['a directory that is none', zip([CLIPS], { directoryOffset: directory - 1 }), directory - 1, /entry 1 of 1/],
  ['more entries than bytes', zip([CLIPS], { count: 9000 }), undefined, /at most 1 entries in 51 bytes/],
  ['fewer entries than there are', zip([CLIPS, TARGETS], { count: 1 }), undefined, /end after 1 entries .* 51 bytes$/],
  ['64-bit fields that lie', zip([CLIPS], { isZip64: true, directoryOffset: 2 ** 52 }), undefined, /ends before byte/],
  ['a count of 2⁵²', zip([CLIPS], { isZip64: true, count: 2 ** 52 }), undefined, /entries in 51 bytes/],
  ['a name twice', zip([CLIPS, CLIPS]), undefined, /each name once .* 'X\.npy' again$/],
  ['encryption', zip([{ ...CLIPS, flags: 1 }]), directory, /not encrypted/],
  ['another method', zip([{ ...CLIPS, method: 12 }]), directory, /deflated \(8\) .* received method 12$/],
  ['an entry behind the directory', zip([{ ...CLIPS, offset: 5000 }]), directory, /before the directory/],
  [
    'an entry longer than the file',
    zip([{ ...CLIPS, size: 5000, packedSize: 5000 }]),
    directory,
    /before the directory/,
  ],
  ['a stored entry of two sizes', zip([{ ...CLIPS, size: 5 }]), directory, /134 bytes of 'X\.npy' .* received 5$/],
  ['an entry elsewhere', zip([{ ...CLIPS, offset: 1, size: 9, packedSize: 9 }]), 1, /the header of 'X\.npy' at byte 1/],
  ['another name in front of the data', zip([{ ...CLIPS, localName: 'Y.npy' }]), 0, /received that of 'Y\.npy'$/],
  ['a changed byte, stored', zip([{ ...CLIPS, crc: 1 }]), undefined, /checksum 00000001 .*the bytes have changed$/],
  ['a changed byte, deflated', deflated({ crc: 1 }), undefined, /checksum 00000001/],
  [
    'garbage for deflated bytes',
    zip([{ ...CLIPS, bytes: Buffer.alloc(134, 0xff), method: 8 }]),
    0,
    /deflated bytes at byte 0 of 'X\.npy'/,
  ],
  ['fewer bytes than declared', deflated({ size: 200 }), 134, /200 bytes at byte 134 .* received 134$/],
  ['more bytes than declared', deflated({ size: 100 }), 100, /the end after 100 bytes/],
  ['deflated bytes cut off', deflated({ packedSize: 40 }), undefined, /deflated bytes/],
  ['a bomb by declaration', deflated({ size: 2 ** 40, isZip64: true }), undefined, /at most \d+ bytes from/],
]
for (const [title, file, offset, message] of malformed) {
  test(`refused with its place: ${title}`, async (t) => {
    const path = fileOf(file, '.npz')
    await refusesFile(t, path, () => readNpz(path), { message, ...(offset !== undefined && { offset }) })
  })
}

test('entries that share bytes are refused: many names for one bomb', async (t) => {
  const bomb = zip([{ ...CLIPS, bytes: new Uint8Array(1 << 20), isDeflated: true }])
  const length = bomb.readUInt32LE(bomb.length - 22 + 16) - 35
  const crc = bomb.readUInt32LE(bomb.length - 22 - 51 + 16)
  const shared: ZipFile = { name: 'X.npy', bytes: new Uint8Array(), method: 8, size: 1 << 20, packedSize: length, crc }
  const others = Array.from({ length: 50 }, (_, index): ZipFile => ({ ...shared, name: `${index}.npy`, offset: 0 }))
  const path = fileOf(zip([{ ...CLIPS, bytes: new Uint8Array(1 << 20), isDeflated: true }, ...others]))
  await refusesFile(t, path, () => readNpz(path), { message: /entries overlap$/ })
})

test('memoryLimit bounds what one array is unpacked to', async (t) => {
  const bytes = npy('|u1', [1 << 20], new Uint8Array(1 << 20))
  const path = fileOf(zip([{ name: 'X.npy', bytes, isDeflated: true }]))
  t.is((await readNpz(path, { memoryLimit: bytes.length })).get('X')!.data.length, 1 << 20)
  const message = /at most 1048703 bytes to unpack .* received 1048704$/
  await refusesFile(t, path, () => readNpz(path, { memoryLimit: bytes.length - 1 }), { message })
})

test('whatever bytes change, arrays come or ERR_DATA', async (t) => {
  const random = seeded(2)
  const whole = zip([CLIPS, TARGETS])
  for (let round = 0; round < 500; round++) {
    const changed = Buffer.from(whole)
    for (let change = 0; change <= random(3); change++) changed[random(changed.length)] = random(256)
    const path = fileOf(changed)
    const outcome = await readNpz(path).catch((error: unknown) => error)
    if (outcome instanceof Error) await refusesFile(t, path, () => Promise.reject(outcome))
  }
  t.pass()
})

test('options are checked', async (t) => {
  const read = (options: unknown) => () => readNpz(fileOf(zip([CLIPS])), untyped<ReadNpzOptions>(options))
  await refuses(t, TypeError, /^Unknown option `name`; did you mean `names`\?$/, read({ name: ['X'] }))
  await refuses(t, TypeError, /^Expected an array of names for `names`, received 'X'$/, read({ names: 'X' }))
  await refuses(t, TypeError, /^Expected a string for `names\[1\]`, received 3$/, read({ names: ['X', 3] }))
  await refuses(t, RangeError, /for `memoryLimit`, received -1$/, read({ memoryLimit: -1 }))
})
