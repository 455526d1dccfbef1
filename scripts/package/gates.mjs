/** What must hold of packed files; each problem says what was found and what was expected. */
import { open, readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { capture } from '../steps.mjs'
import { FLOOR } from './packages.mjs'

/** Scripts that npm would run on a user's machine. */
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish', 'preprepare', 'postprepare']

/** An addon: its symbols' versions, its search path, and that it names no folder of the machine that built it. */
export async function checkAddon(file, leaks) {
  return [...(await newSymbols(file)), ...(await searchPath(file)), ...(await namedFolders(file, leaks))]
}

/** Versions of glibc and libstdc++ above the floor. */
async function newSymbols(file) {
  const { code, stdout, stderr } = await capture('objdump', ['-T', file])
  if (code !== 0)
    return [`objdump cannot read ${file}: ${stderr.trim() || 'it is not installed (`apt install binutils`)'}`]
  const floors = { GLIBC: FLOOR.glibc, GLIBCXX: FLOOR.glibcxx }
  const found = new Set(
    [...stdout.matchAll(/\b(GLIBC|GLIBCXX)_([\d.]+)/g)].map(([, library, version]) => `${library}_${version}`),
  )
  const above = [...found].filter((symbol) => {
    const [library, version] = symbol.split('_')
    return compare(version, floors[library]) > 0
  })
  return above.map((symbol) => `${file} needs ${symbol}; the floor is GLIBC ${FLOOR.glibc}, GLIBCXX ${FLOOR.glibcxx}`)
}

/** Orders versions such as 3.4.9 and 3.4.28. */
export function compare(version, other) {
  const [a, b] = [version, other].map((text) => text.split('.').map(Number))
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** The run path may hold nothing but folders relative to the file. */
async function searchPath(file) {
  const { stdout } = await capture('readelf', ['-d', file])
  const paths = [...stdout.matchAll(/\((?:RUNPATH|RPATH)\).*\[(.*)\]/g)].flatMap(([, path]) => path.split(':'))
  return paths.filter((path) => !path.startsWith('$ORIGIN')).map((path) => `${file} looks for libraries in '${path}'`)
}

async function namedFolders(file, leaks) {
  const bytes = await readFile(file)
  return leaks.filter((folder) => bytes.includes(folder)).map((folder) => `${file} names ${folder}`)
}

/** A manifest: no script that runs at installation. */
export function checkManifest({ name, scripts = {}, gypfile }) {
  const found = INSTALL_SCRIPTS.filter((script) => script in scripts)
  if (gypfile) found.push('gypfile')
  return found.map((script) => `${name} has an install script: ${script}`)
}

/** A tarball's size against its budget. */
export function checkSize({ name, bytes, budget }) {
  return bytes <= budget ? [] : [`${name} has ${bytes} bytes packed; its budget is ${budget}`]
}

/** Every library's licence is in the package, under `licenses/`. */
export async function checkLicenses(folder, expected) {
  const found = await readdir(join(folder, 'licenses')).catch(() => [])
  const missing = expected.filter((name) => !found.includes(name))
  return missing.map((name) => `${folder}/licenses lacks ${name}`)
}

/** Whether a file is an ELF library of the machine that `readelf -h` names. */
export async function isElf(file) {
  const handle = await open(file)
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    return buffer.equals(Buffer.from([0x7f, 0x45, 0x4c, 0x46]))
  } finally {
    await handle.close()
  }
}
