/** The packages of a release: names, versions, what each may need of a system, and how large it may be. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../steps.mjs'

/** The manifest of the clone, from which that of the published package is made. */
export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** What a prebuilt addon needs of a system: Debian 11's and Ubuntu 20.04's. */
export const FLOOR = { glibc: '2.31', glibcxx: '3.4.28' }

/** Packed sizes in bytes; npm refuses packages of about 200 MB. */
export const BUDGETS = { root: 1_000_000, addon: 3_000_000, libtorch: 150_000_000 }

/**
 * Platforms with a prebuilt addon. The libtorch package has a version of its own: libtorch's, and a number that counts up
 * when what is packed changes. `key` names the entries of `scripts/libtorch.json` and `contents.mjs`, `debian` is Debian's name
 * of the processor, `compiler` begins the names of the tools that compile for another one than the machine's. `linker` are
 * flags of the linker: Rust's own, the default since `rust`, keeps one of functions that came out the same.
 */
export const PLATFORMS = {
  'linux-x64': {
    key: 'linux-x64',
    os: 'linux',
    cpu: 'x64',
    target: 'x86_64-unknown-linux-gnu',
    debian: 'amd64',
    rust: '1.90',
    linker: ['-Wl,--icf=all'],
    addon: '@zoetrope/linux-x64-gnu',
    libtorch: { name: '@zoetrope/libtorch-linux-x64', version: '2.11.0-1' },
  },
  'linux-arm64': {
    key: 'linux-arm64',
    os: 'linux',
    cpu: 'arm64',
    target: 'aarch64-unknown-linux-gnu',
    debian: 'arm64',
    compiler: 'aarch64-linux-gnu-',
    addon: '@zoetrope/linux-arm64-gnu',
    libtorch: { name: '@zoetrope/libtorch-linux-arm64', version: '2.11.0-1' },
  },
}

/** Fields that every manifest has. */
export const common = {
  license: manifest.license,
  author: manifest.author,
  repository: manifest.repository,
  homepage: manifest.homepage,
  bugs: manifest.bugs,
}
