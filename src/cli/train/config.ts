/** What a run was made with, complete: beside the model, and as the command that repeats it. */
import { dirname, relative, resolve } from 'node:path'
import { TRAIN_OPTIONS } from '../options/train-options'
import { writeWhole } from '../../report/write'
import type { Option } from '../options/option'
import type { TrainValues } from '../options/train-options'

/** `model.safetensors` has its configuration in `model.run.json`. */
export function configPath(out: string): string {
  return `${stem(out)}.run.json`
}

export function reportPath(out: string): string {
  return `${stem(out)}.report.html`
}

/** Writes every value of a run. Paths are absolute, so that it can be repeated from anywhere. */
export async function writeConfig(values: TrainValues): Promise<string> {
  const path = configPath(values.out ?? '')
  const stored = Object.entries(TRAIN_OPTIONS).flatMap(([name, option]: [string, Option]) => {
    const value: unknown = Reflect.get(values, name)
    if (value === undefined || option.isStored === false) return []
    const isPath = option.type === 'text' && option.isPath === true && typeof value === 'string'
    return [[name, isPath ? resolve(value) : value]]
  })
  await writeWhole(path, `${JSON.stringify(Object.fromEntries(stored), undefined, 2)}\n`)
  return path
}

/** The command that repeats the run. */
export function commandOf(config: string): string {
  const near = relative(process.cwd(), config)
  return `npx zoetrope train --config ${quoted(near.startsWith('..') ? config : near)}`
}

/** The folder that a file goes to. */
export function folderOf(file: string): string {
  return dirname(resolve(file))
}

function stem(out: string): string {
  return out.replace(/\.safetensors$/, '')
}

/** As a shell reads it. */
function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
