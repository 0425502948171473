/** The commands about runs there are. */
import type { Command } from 'commander'
import { jobBounds } from '../../shared/pipeline/job.ts'
import type { Lane } from '../../shared/records.ts'
import { showLogs } from '../logs.ts'
import { globalOptions } from '../options.ts'
import { cancel, listRuns, retry, showRun } from '../runs.ts'
import type { Done } from './done.ts'
import { between, positive, whole } from './numbers.ts'

type Retry = Pick<Lane, 'onDemand' | 'timeoutMinutes'> & { wait: boolean; memoryMib?: number }

export function addRuns(program: Command, done: Done): void {
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
  addRetry(program, done)
  addCancel(program, done)
  program
    .command('verify')
    .description(
      'work out the certificate of a run anew, from its source and its outputs; exit 0 only if all matches',
    )
    .argument('<run>')
    .option('--quick', 'outputs and sums only; the source is not read again', false)
    .action(async (run: string, own: { quick: boolean }, command: Command) => {
      const { verify } = await import('../verify.ts')
      done(await verify(run, { ...own, ...globalOptions(command) }))
    })
  program
    .command('logs')
    .description(
      "print what the functions said of a run and its failed attempts, or one partition's attempts; of a stage in AWS the commands of its CLI that do",
    )
    .argument('<run>')
    .argument('[partition]', 'its number', whole)
    .action(async (run: string, partition: number | undefined, _own: unknown, command: Command) => {
      done(await showLogs(run, partition, globalOptions(command)))
    })
}

function addRetry(program: Command, done: Done): void {
  program
    .command('retry')
    .description('open a new round of a FAILED or CANCELLED run with only what has not SUCCEEDED')
    .argument('<run>')
    .option('--wait', 'follow the run to its end; exit 0 only if it SUCCEEDED', false)
    .option('--memory-mib <n>', "memory of each job, instead of the pipeline's", between(jobBounds.memoryMiB))
    .option(
      '--timeout-minutes <n>',
      "time of each attempt, instead of the pipeline's",
      between(jobBounds.timeoutMinutes),
    )
    .option('--on-demand', 'not on Spot')
    .addHelpText('after', retryHelp)
    .action(async (run: string, { wait, memoryMib, ...own }: Retry, command: Command) => {
      const lane = { ...own, ...(memoryMib === undefined ? {} : { memoryMiB: memoryMib }) }
      done(await retry(run, lane, { wait, ...globalOptions(command) }))
    })
}

function addCancel(program: Command, done: Done): void {
  program
    .command('cancel')
    .description('end a run that is still open: its jobs are terminated, nothing of it is published')
    .argument('<run>')
    .option('--reason <words>', 'why, and by whom: kept in the run')
    .option('--wait', 'follow the run to its end; exit 0 only if it is CANCELLED', false)
    .addHelpText('after', cancelHelp)
    .action(async (run: string, own: { wait: boolean; reason?: string }, command: Command) => {
      done(await cancel(run, { ...own, ...globalOptions(command) }))
    })
}

const retryHelp = `
What has SUCCEEDED stays as it is. The rest is worked with the pipeline as it was when the run began, for all of a run
is worked alike: after a correction of the pipeline, drop the file again. What its jobs may take can be changed here.

Examples:
  $ npx millrace retry 0123456789abcdef01234567 --wait
  $ npx millrace retry 0123456789abcdef01234567 --memory-mib 16384     after OUT_OF_MEMORY
  $ npx millrace retry 0123456789abcdef01234567 --timeout-minutes 240  after TIMED_OUT
  $ npx millrace retry 0123456789abcdef01234567 --on-demand            where Spot has no capacity
`

const cancelHelp = `
Only a run that is PLANNED, RUNNING or WAITING can be cancelled. What its partitions have finished stays where it is:
\`millrace retry <run>\` later works only the rest. A run whose certificate is written first has SUCCEEDED.

Examples:
  $ npx millrace cancel 0123456789abcdef01234567 --reason 'wrong file, says Ada'
  $ npx millrace cancel 0123456789abcdef01234567 --wait
`
