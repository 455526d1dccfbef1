#!/usr/bin/env node
/** `npx zoetrope`: the commands, each a file of this folder. */
import { doctor } from './doctor'
import { manifestOf, packageRoot } from '../loader/locate'

/** A command: its arguments in, its exit status out. */
type Command = (args: string[]) => Promise<number>

const COMMANDS: Readonly<Record<string, { readonly run: Command; readonly about: string }>> = {
  doctor: { run: doctor, about: 'looks at everything that a training needs on this machine, and trains a tiny model' },
}

const USAGE_ERROR = 2

async function main([name, ...args]: string[]): Promise<number> {
  if (name === '--version') return print(String(manifestOf(packageRoot())?.['version']))
  if (name === undefined || name === '--help' || name === '-h') return print(usage())
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command !== undefined) return command.run(args)
  process.stderr.write(
    `Expected one of the commands ${Object.keys(COMMANDS).join(', ')}, received '${name}'\n\n${usage()}\n`,
  )
  return USAGE_ERROR
}

function usage(): string {
  const lines = Object.entries(COMMANDS).map(([name, { about }]) => `  zoetrope ${name.padEnd(10)} ${about}`)
  return `Usage:\n${lines.join('\n')}\n  zoetrope --version`
}

function print(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  },
)
