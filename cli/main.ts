/** The command line: only here are errors turned to words and exit codes. */
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { MillraceError } from '../shared/errors.ts'
import { type DropOptions, dropFiles } from './drop.ts'
import { showLogs } from './logs.ts'
import { addGlobalOptions, globalOptions } from './options.ts'
import { planFile } from './plan.ts'
import { listRuns, retry, showRun } from './runs.ts'
import { up } from './up.ts'

const usageExitCode = 2

/** @returns the exit code: 0 done, 1 a run did not succeed or something went wrong, 2 wrong usage */
export async function main(argv: string[]): Promise<number> {
  let exitCode = 0
  const program = build(code => {
    exitCode = code
  })
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

function wordsOf(error: unknown): string {
  if (!(error instanceof MillraceError))
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  return [`error: ${error.message}`, ...(error.remedy ? [`remedy: ${error.remedy}`] : [])].join('\n')
}

type Done = (exitCode: number) => void

function build(done: Done): Command {
  const program = addGlobalOptions(new Command('millrace'))
    .description('Drop a file in a bucket; get a proven, analytics-ready table out.')
    .exitOverride()
    .showHelpAfterError('(see `millrace --help`)')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', examples)
  addStack(program, done)
  addDrop(program, done)
  addRuns(program, done)
  return program
}

const examples = `
Examples:
  $ npx millrace plan data.csv --pipeline flights     what a drop would become
  $ npx millrace drop data.csv --pipeline flights --wait
  $ npx millrace runs                                 the newest runs
  $ npx millrace show <run>                           its partitions, attempts and setbacks
  $ npx millrace retry <run>                          work again what has not succeeded, and only that
`

function addStack(program: Command, done: Done): void {
  program
    .command('up')
    .description('run the whole of Millrace on this machine until Ctrl-C; what was under way goes on')
    .option('--cores <n>', 'worker processes side by side (default: all cores)', positive)
    .action(async (own: { cores?: number }, command: Command) => {
      done(await up({ ...globalOptions(command), ...own }))
    })
  program
    .command('demo')
    .description(
      'three million flights through the whole path, with a Spot reclaim and a temporary failure on the way',
    )
    .action(async (_own: unknown, command: Command) => {
      const { demo } = await import('./demo/main.ts')
      done(await demo(globalOptions(command)))
    })
}

function addDrop(program: Command, done: Done): void {
  program
    .command('drop')
    .description('copy files into the bucket, under the prefix of their pipeline')
    .argument('<file...>')
    .option('--pipeline <name>', 'which pipeline takes them (needed where there are several)')
    .option('--wait', 'follow the run to its end; exit 0 only if it SUCCEEDED', false)
    .option('--partition-bytes <n>', "partition size for this drop, instead of the pipeline's", positive)
    .addHelpText('after', '\nStarts a stack of its own, and waits for the run, where none is up.')
    .action(async (files: string[], own: Omit<DropOptions, 'stage'>, command: Command) => {
      done(await dropFiles(files, { ...own, ...globalOptions(command) }))
    })
  program
    .command('plan')
    .description('show the partitions and columns that a file would become; writes nothing')
    .argument('<file>')
    .option('--pipeline <name>', 'which pipeline would take it')
    .option('--partition-bytes <n>', "partition size, instead of the pipeline's", positive)
    .action(async (file: string, own: { pipeline?: string; partitionBytes?: number }, command: Command) => {
      done(await planFile(file, { ...own, ...globalOptions(command) }))
    })
}

function addRuns(program: Command, done: Done): void {
  program
    .command('runs')
    .description('list the newest runs')
    .option('--limit <n>', 'how many', positive, 20)
    .option('--pipeline <name>', 'only of this pipeline')
    .action(async (own: { limit: number; pipeline?: string }, command: Command) => {
      done(await listRuns({ ...own, ...globalOptions(command) }))
    })
  program
    .command('show')
    .description('show a run: state, records, certificate, partitions and their setbacks')
    .argument('<run>')
    .option('--all', 'every partition', false)
    .action(async (run: string, own: { all: boolean }, command: Command) => {
      done(await showRun(run, { ...own, ...globalOptions(command) }))
    })
  program
    .command('retry')
    .description('open a new round of a FAILED run with only the partitions that have not SUCCEEDED')
    .argument('<run>')
    .option('--wait', 'follow the run to its end; exit 0 only if it SUCCEEDED', false)
    .action(async (run: string, own: { wait: boolean }, command: Command) => {
      done(await retry(run, { ...own, ...globalOptions(command) }))
    })
  program
    .command('logs')
    .description(
      "print what the functions said of a run and its failed attempts, or one partition's attempts",
    )
    .argument('<run>')
    .argument('[partition]', 'its number', whole)
    .action(async (run: string, partition: number | undefined, _own: unknown, command: Command) => {
      done(await showLogs(run, partition, globalOptions(command)))
    })
}

function whole(text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new InvalidArgumentError('It must be a whole number.')
}

function positive(text: string): number {
  const number = whole(text)
  if (number > 0) return number
  throw new InvalidArgumentError('It must be 1 or more.')
}
