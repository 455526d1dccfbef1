/** A command of `npx zoetrope`. */
export interface Command {
  /** One line for the list of commands. */
  readonly about: string
  /** What `--help` prints. */
  readonly usage: string
  /** Its arguments in, its exit status out. Throws a {@link UsageError} for arguments that it does not know. */
  readonly run: (args: string[]) => Promise<number>
}

/** A command line that cannot be understood: exit status 2. */
export class UsageError extends Error {}
