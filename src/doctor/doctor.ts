/** Looks at everything that a training needs; the last line trains. */
import { failed, ok } from './check'
import { checkCuda } from './cuda'
import { checkInstallation, checkLibraries } from './installation'
import { selfTest } from './self-test'
import { checkSystem, checkThreads } from './system'
import { currentPlatform } from '../loader/platform'
import { native } from '../native'
import type { Check } from './check'
import type { Installation } from './installation'
import type { Location } from '../loader/locate'

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
  } catch {
    checks.push(failed('packages', 'the files of the package were not found', 'see `loading` below'))
  }
  checks.push(...checkSystem(currentPlatform(), installation?.glibc))
  checks.push(...(await checkAddon(installation?.location)))
  return { isHealthy: checks.every(({ status }) => status !== 'failed'), checks }
}

/** Loads the addon and uses it. */
async function checkAddon(location: Location | undefined): Promise<Check[]> {
  let addon: ReturnType<typeof native>
  try {
    addon = native()
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error)
    return [checkThreads(undefined), failed('loading', found, 'do what the message says')]
  }
  const checks: Check[] = []
  try {
    checks.push(checkThreads(addon.getNumThreads()), ok('instruction set', addon.instructionSet()))
    checks.push(checkCuda(addon.cudaDeviceCount(), location), ...checkLibraries(location))
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error)
    checks.push(failed('addon', found, 'please report it with what this command prints'))
  }
  return [...checks, await selfTest()]
}
