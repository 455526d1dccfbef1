#!/usr/bin/env node
/** `npx zoetrope`: the commands, each a file of this folder. */
import { UsageError } from './command'
import { doctor } from './doctor'
import { inspect } from './inspect'
import { predict } from './predict'
import { test } from './test'
import { train } from './train'
import { manifestOf, packageRoot } from '../loader/locate'
import { nearest } from '../common/checks'
import type { Command } from './command'

const COMMANDS: Readonly<Record<string, Command>> = { train, test, predict, inspect, doctor }

const USAGE_ERROR = 2

async function main([name, ...args]: string[]): Promise<number> {
  if (name === '--version') return print(manifestOf(packageRoot())?.version ?? 'unknown')
  if (name === undefined || name === '--help' || name === '-h') return print(usage())
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined) {
    const near = nearest(name, Object.keys(COMMANDS))
    const hint = near === undefined ? '' : `; did you mean ${near}?`
    return refuse(
      `Expected one of the commands ${Object.keys(COMMANDS).join(', ')}, received '${name}'${hint}`,
      usage(),
    )
  }
  if (args.includes('--help') || args.includes('-h')) return print(command.usage)
  try {
    return await command.run(args)
  } catch (error) {
    if (error instanceof UsageError) return refuse(error.message, hintOf(name, command))
    throw error
  }
}

/** Prints what was wrong with the command line, and how it should be. */
function refuse(message: string, hint: string): number {
  process.stderr.write(`${message}\n\n${hint}\n`)
  return USAGE_ERROR
}

/** How the command begins, and where the rest is told. */
function hintOf(name: string, { usage: text }: Command): string {
  return `${text.split('\n', 1)[0]}\nzoetrope ${name} --help tells the rest.`
}

function usage(): string {
  const lines = Object.entries(COMMANDS).map(([name, { about }]) => `  zoetrope ${name.padEnd(10)} ${about}`)
  return `Usage:\n${lines.join('\n')}\n  zoetrope --version`
}

function print(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}

async function run(): Promise<void> {
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}

void run()
