/** A lock file: one process works, the others wait. A lock whose owner died is taken over. */
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

const HEARTBEAT_MS = 2_000
const STALE_MS = 60_000

/** Runs `body` while holding the lock `file`; `onWait(pid)` is called once when another process holds it. */
export async function withLock(file, onWait, body) {
  const owner = JSON.stringify({ pid: process.pid, host: hostname(), since: Date.now() })
  for (let waited = false; !tryCreate(file, owner); waited = true) {
    const holder = read(file)
    if (holder === undefined) continue // released in between
    if (isStale(file, holder)) {
      takeAway(file, holder)
      continue
    }
    if (!waited) onWait(parse(holder).pid)
    await sleep(200)
  }
  const heartbeat = setInterval(() => touch(file), HEARTBEAT_MS).unref()
  const release = () => {
    clearInterval(heartbeat)
    if (read(file) === owner) rmSync(file, { force: true })
  }
  process.once('exit', release)
  try {
    return await body()
  } finally {
    release()
    process.removeListener('exit', release)
  }
}

function tryCreate(file, owner) {
  try {
    writeFileSync(file, owner, { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function parse(holder) {
  try {
    return JSON.parse(holder)
  } catch {
    return {} // written half, by a process that is just starting or was killed
  }
}

function isStale(file, holder) {
  const { pid, host } = parse(holder)
  const age = Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
  if (age > STALE_MS) return true
  return host === hostname() && !isAlive(pid)
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** Removes a stale lock, but not one that another process has just made in its place. */
function takeAway(file, stale) {
  const aside = `${file}.${process.pid}`
  try {
    renameSync(file, aside)
    if (read(aside) !== stale) linkSync(aside, file)
  } catch {
    // somebody else was faster
  }
  rmSync(aside, { force: true })
}

function touch(file) {
  try {
    utimesSync(file, new Date(), new Date())
  } catch {
    // taken away because this process was suspended for a minute; it only saves double work
  }
}
