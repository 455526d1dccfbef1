/** What happens to an installation between two commands; each takes the folder of the program, as the host sees it. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'

const library = (app, name) => join(app, 'node_modules/@zoetrope/libtorch-linux-x64/lib', name)

/** Takes a library away. */
export const remove = (name) => (app) => fs.rmSync(library(app, name))

/** Leaves the first half of a library, as an interrupted installation does. */
export const truncate = (name) => (app) => {
  const file = library(app, name)
  fs.truncateSync(file, Math.floor(fs.statSync(file).size / 2))
}

/** Turns one byte over; `at` counts from the end where it is negative. */
export const alter = (name, at) => (app) => {
  const descriptor = fs.openSync(library(app, name), 'r+')
  const position = at < 0 ? fs.fstatSync(descriptor).size + at : at
  const byte = Buffer.alloc(1)
  fs.readSync(descriptor, byte, 0, 1, position)
  byte[0] ^= 0xff
  fs.writeSync(descriptor, byte, 0, 1, position)
  fs.closeSync(descriptor)
}

/** A lock file as npm 10 writes it where the addon's package was not in sight; nothing is installed. */
export function forgetAddon(app) {
  const file = join(app, 'package-lock.json')
  const lock = JSON.parse(fs.readFileSync(file, 'utf8'))
  for (const path of Object.keys(lock.packages)) if (path.includes('@zoetrope')) delete lock.packages[path]
  writeJson(file, lock)
  fs.rmSync(join(app, 'node_modules'), { recursive: true })
}

/** A root whose one member is the program's folder, `packages/app`. */
export function becomeWorkspace(app) {
  writeJson(join(app, '../../package.json'), { name: 'root', private: true, workspaces: ['packages/*'] })
  fs.writeFileSync(join(app, '../../pnpm-workspace.yaml'), 'packages: ["packages/*"]\n')
}

export function becomeReadOnly(app) {
  execFileSync('chmod', ['-R', 'a-w', app])
}

/** The installed packages lie elsewhere, behind a link. */
export function linkModules(app) {
  fs.mkdirSync(join(app, '../store'))
  fs.renameSync(join(app, 'node_modules'), join(app, '../store/node_modules'))
  fs.symlinkSync('../store/node_modules', join(app, 'node_modules'))
}

/** As a Docker image is built: installed in one folder, run in another, here `later`. */
export function moveModules(app) {
  fs.mkdirSync(join(app, 'later'))
  fs.renameSync(join(app, 'node_modules'), join(app, 'later/node_modules'))
  for (const name of ['esm.mjs', 'cycle.cjs']) fs.cpSync(join(app, name), join(app, 'later', name))
}

/** Writes the program at the top of the installed README into readme.mjs. */
export function writeReadmesProgram(app) {
  fs.writeFileSync(join(app, 'readme.mjs'), programOfReadme(app))
}

/** What the program's comments say that it prints. */
export function promisesOfReadme(app) {
  const lines = programOfReadme(app).matchAll(/^console\.log\(.*\) \/\/ (.+)$/gm)
  return [...lines].map(([, value]) => new RegExp(`^${value}$`, 'm'))
}

function programOfReadme(app) {
  const text = fs.readFileSync(join(app, 'node_modules/zoetrope/README.md'), 'utf8')
  return /^```js\n(.*?)^```/ms.exec(text)[1]
}

function writeJson(file, value) {
  fs.writeFileSync(file, `${JSON.stringify(value)}\n`)
}
