/** The commands about messages that were given up on. */
import { type Command, Option } from 'commander'
import { type DlqOptions, deadLetterQueueNames, listDeadLetters, redriveDeadLetters } from '../dlq.ts'
import { type GlobalOptions, globalOptions } from '../options.ts'
import type { Done } from './done.ts'
import { positive } from './numbers.ts'

type Own<Options> = Omit<Options, keyof GlobalOptions>

const more = `
A message lies here when its function failed on it time and again: DropsDlq holds drops that could not be planned,
JobsDlq what Batch said of jobs, FunctionsDlq the events of our own bus. Runs end without them, for reconcile finds
what they would have told, but for one kind: a drop in DropsDlq has no run yet.

Put back what failed for a cause that is gone. A message that is itself the cause comes back, with its TRIES.
In AWS every look counts as a try of what lies in DropsDlq and JobsDlq, for SQS has no look without a receive.

Examples:
  $ npx millrace dlq list --stage prod
  $ npx millrace dlq redrive --queue DropsDlq --dry-run
  $ npx millrace dlq redrive --queue DropsDlq --max 1     one first, to see whether it is done now
`

export function addDlq(program: Command, done: Done): void {
  const dlq = program
    .command('dlq')
    .description('messages that were given up on: look at them, put them back')
    .addHelpText('after', more)
  dlq
    .command('list')
    .description('what was given up on: when, how often it was tried, by which function, of which run')
    .addOption(queueOption())
    .option('--max <n>', 'at most so many of each queue', positive, 100)
    .action(async (own: Own<DlqOptions>, command: Command) => {
      done(await listDeadLetters({ ...own, ...globalOptions(command) }))
    })
  dlq
    .command('redrive')
    .description('put messages back where they came from; exit 1 where one had to stay')
    .addOption(queueOption())
    .option('--max <n>', 'at most so many of each queue', positive, 1000)
    .option('--dry-run', 'say what would be put back; change nothing', false)
    .action(async (own: Own<DlqOptions & { dryRun: boolean }>, command: Command) => {
      done(await redriveDeadLetters({ ...own, ...globalOptions(command) }))
    })
}

function queueOption(): Option {
  return new Option('--queue <name>', 'only this one').choices(deadLetterQueueNames)
}
