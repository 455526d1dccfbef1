/**
 * The rooms of the code and their order: a file uses its own room and those above it in the list, never those below,
 * and no two files use each other, types included. `docs/architecture.md` draws the same.
 */
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { root, SetupError } from './steps.mjs'

const TYPESCRIPT = {
  folder: 'src',
  rooms: [
    'errors',
    'decode',
    'contain',
    'openmp',
    'loader',
    'native',
    'common',
    'config',
    'data',
    'files',
    'model',
    'evaluation',
    'optimizer',
    'audit',
    'observer',
    'pictures',
    'report',
    'logs',
    'training',
    'runtime',
    'index',
    'doctor',
    'cli',
  ],
  filesUsedBy: typescriptImports,
}
const RUST = {
  folder: join('crates', 'zoetrope-core', 'src'),
  rooms: [
    'error',
    'protobuf',
    'config',
    'kernels',
    'runtime',
    'data',
    'model',
    'onnx',
    'optimizer',
    'evaluation',
    'training',
    'audit',
  ].concat(['engine', 'lib']),
  filesUsedBy: rustImports,
}

/** Fails with every arrow that goes the wrong way and every circle of files. */
export function checkRooms() {
  const problems = [TYPESCRIPT, RUST].flatMap(check)
  if (problems.length > 0) throw new SetupError(problems.join('\n'))
}

function check({ folder, rooms, filesUsedBy }) {
  const files = new Set(sourcesIn(join(root, folder)))
  const uses = new Map([...files].map((file) => [file, filesUsedBy(file, files)]))
  const roomOf = (file) => relative(join(root, folder), file).split(/[/.]/)[0]
  const problems = []
  for (const [file, used] of uses) {
    const own = rooms.indexOf(roomOf(file))
    if (own < 0) problems.push(`${relative(root, file)} is in no room: name its room in scripts/rooms.mjs`)
    for (const other of used) {
      if (rooms.indexOf(roomOf(other)) <= own) continue
      problems.push(`${relative(root, file)} uses ${relative(root, other)}, whose room is below its own`)
    }
  }
  return [
    ...problems,
    ...circles(uses).map((circle) => `A circle: ${circle.map((file) => relative(root, file)).join(' → ')}`),
  ]
}

function sourcesIn(folder) {
  const names = readdirSync(folder, { recursive: true }).map((name) => join(folder, name))
  return names.filter((name) => /\.(ts|rs)$/.test(name) && statSync(name).isFile())
}

function typescriptImports(file, files) {
  const text = readFileSync(file, 'utf8')
  const found = [...text.matchAll(/from '(\.[^']+)'/g)].map(
    ([, path]) => `${join(dirname(file), path.replace(/\.js$/, ''))}.ts`,
  )
  return found.filter((path) => files.has(path))
}

/** Of `use crate::a::b::Name` and `use super::a::Name` the file that holds the name; a room's own file re-exports. */
function rustImports(file, files) {
  const core = join(root, RUST.folder)
  const [code] = readFileSync(file, 'utf8').split('#[cfg(test)]')
  const text = code.replace(/\bpub\(in [^)]*\)/g, 'pub') //                says who may use a name, and uses none
  const module = file.replace(/(\/mod)?\.rs$/, '')
  const found = [...text.matchAll(/\b(crate|super|self)((?:::\w+)+)/g)].flatMap(([, start, path]) => {
    const base = { crate: core, super: dirname(module), self: module }[start]
    const parts = path.split('::').slice(1)
    for (let length = parts.length; length > 0; length--) {
      const candidate = `${join(base, ...parts.slice(0, length))}.rs`
      if (files.has(candidate)) return [candidate]
    }
    return []
  })
  return [...new Set(found)].filter((path) => path !== file)
}

/** Each circle once, as the files along it. */
function circles(uses) {
  const found = []
  const done = new Set()
  const visit = (file, path) => {
    const at = path.indexOf(file)
    if (at >= 0) found.push([...path.slice(at), file])
    if (at >= 0 || done.has(file)) return
    for (const other of uses.get(file) ?? []) visit(other, [...path, file])
    done.add(file)
  }
  for (const file of uses.keys()) visit(file, [])
  return found
}
