/** The command line: only here are errors turned to words and exit codes. */
import { Command, CommanderError } from 'commander'
import { MillraceError } from '../shared/errors.ts'
import { addAudit } from './commands/audit.ts'
import { addDeploy } from './commands/deploy.ts'
import { addDlq } from './commands/dlq.ts'
import type { Done } from './commands/done.ts'
import { addDrop } from './commands/drop.ts'
import { addInit } from './commands/init.ts'
import { addLoad } from './commands/load.ts'
import { addReject } from './commands/reject.ts'
import { addRemove } from './commands/remove.ts'
import { addRuns } from './commands/runs.ts'
import { addSimulate } from './commands/simulate.ts'
import { addStack } from './commands/stack.ts'
import { addTick } from './commands/tick.ts'
import { addGlobalOptions } from './options.ts'

const usageExitCode = 2

/** @returns the exit code: 0 done, 1 a run did not succeed or something went wrong, 2 wrong usage */
export async function main(argv: string[]): Promise<number> {
  let exitCode = 0
  const program = build(code => {
    exitCode = code
  })
  process.stdout.on('error', endQuietly)
  try {
    await program.parseAsync(argv)
  } catch (error) {
    // Help asked for and given is no fault.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageExitCode
    process.stderr.write(`${wordsOf(error)}\n`)
    return error instanceof MillraceError ? 1 : 70
  }
  return exitCode
}

/** Whoever read the words has seen enough, as `head` does; what was asked for is done all the same. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}

function wordsOf(error: unknown): string {
  if (!(error instanceof MillraceError))
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  return [`error: ${error.message}`, ...(error.remedy ? [`remedy: ${error.remedy}`] : [])].join('\n')
}

export function build(done: Done): Command {
  const program = addGlobalOptions(new Command('millrace'))
    .description('Drop a file in a bucket; get a proven, analytics-ready table out.')
    .exitOverride()
    .showHelpAfterError('(see `millrace --help`)')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', examples)
  addStack(program, done)
  addInit(program, done)
  addDrop(program, done)
  addLoad(program, done)
  addTick(program, done)
  addRuns(program, done)
  addAudit(program, done)
  addReject(program, done)
  addDlq(program, done)
  addDeploy(program, done)
  addRemove(program, done)
  addSimulate(program, done)
  return program
}

const examples = `
Examples:
  $ npx millrace init data.csv                        write a pipeline for files like it
  $ npx millrace plan data.csv --pipeline flights     what a drop would become
  $ npx millrace drop data.csv --pipeline flights --wait
  $ npx millrace load flights --prefix s3://bucket/flights/2024/ --dry-run
  $ npx millrace runs                                 the newest runs
  $ npx millrace show <run>                           its partitions, attempts and setbacks
  $ npx millrace verify <run>                         is what was published what was dropped?
  $ npx millrace audit flights --since 7d             was every file loaded?
  $ npx millrace cancel <run>                         end it; what is done stays for a retry
  $ npx millrace retry <run>                          work again what has not succeeded, and only that
  $ npx millrace reject replay <run>                  load what it rejected, after a fix
  $ npx millrace deploy --stage prod --dry-run        what it would make in AWS, and what that costs
  $ npx millrace dlq list                             messages that were given up on
`
