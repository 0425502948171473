/** The command that does not wait for a schedule. */
import type { Command } from 'commander'
import { globalOptions } from '../options.ts'
import { type TickOptions, tickNow } from '../tick.ts'
import type { Done } from './done.ts'

const more = `
A pipeline with source.schedule takes what has come at each tick, as one run. This is one more tick, now: of all below
the prefix that no run has yet. Where there is nothing new, there is no run. The next ticks come as ever, and load
nothing twice.

Examples:
  $ npx millrace tick flights --dry-run
  $ npx millrace tick flights --wait
`

export function addTick(program: Command, done: Done): void {
  program
    .command('tick')
    .description('take now what has come for a pipeline that has a schedule')
    .argument('<pipeline>')
    .option('--dry-run', 'count what a tick would take, and show the next ones; write nothing', false)
    .option('--wait', 'follow the run to its end; exit 0 only if it SUCCEEDED', false)
    .addHelpText('after', more)
    .action(async (pipeline: string, own: Pick<TickOptions, 'dryRun' | 'wait'>, command: Command) => {
      done(await tickNow({ ...own, pipeline, ...globalOptions(command) }))
    })
}
