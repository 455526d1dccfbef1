/** Looks at everything that a training needs; the last line trains. */
import { failed } from './check'
import { checkCuda } from './cuda'
import { checkInstallation, checkLibraries } from './installation'
import { selfTest } from './self-test'
import { checkSystem, checkThreads } from './system'
import { ZoetropeError } from '../errors'
import { currentPlatform } from '../loader/platform'
import { native } from '../native'
import type { Check } from './check'
import type { Installation } from './installation'

/** What `npx zoetrope doctor` found. */
export interface Diagnosis {
  /** Whether a model can be trained on this machine. */
  readonly isHealthy: boolean
  readonly checks: readonly Check[]
}

export async function diagnose(): Promise<Diagnosis> {
  const checks: Check[] = []
  let installation: Installation | undefined
  try {
    installation = checkInstallation()
    checks.push(...installation.checks)
  } catch (error) {
    checks.push(failed('packages', wordsOf(error), 'see the message'))
  }
  checks.push(...checkSystem(currentPlatform(), installation?.glibc))
  try {
    const addon = native()
    checks.push(checkThreads(addon.getNumThreads()))
    checks.push({ name: 'instruction set', status: 'ok', found: addon.instructionSet() })
    checks.push(checkCuda(addon.cudaDeviceCount(), installation?.location))
    checks.push(...checkLibraries(installation?.location))
    checks.push(await selfTest())
  } catch (error) {
    const isLoading = error instanceof ZoetropeError && error.code === 'ERR_NATIVE_LOAD'
    checks.push(checkThreads(undefined), failed(isLoading ? 'loading' : 'self-test', wordsOf(error), 'see the message'))
  }
  return { isHealthy: checks.every(({ status }) => status !== 'failed'), checks }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
