/** The commands about records that runs have rejected. */
import type { Command } from 'commander'
import { type GlobalOptions, globalOptions } from '../options.ts'
import { listRejects, type RejectListOptions } from '../reject.ts'
import type { ReplayOptions } from '../reject-replay.ts'
import type { Done } from './done.ts'
import { positive } from './numbers.ts'

type Own<Options> = Omit<Options, keyof GlobalOptions>

const more = `
A replay drops exactly the rejected records, as they stand in the source, behind its header: at
<prefix>replay/<run>-<n>.<extension>. It becomes a run of its own, which publishes beside the first.

Examples:
  $ npx millrace reject list <run>                what is wrong with each, and where it stands
  $ npx millrace reject list <run> --raw          the records alone
    (correct the pipeline, and start the stack or deploy again)
  $ npx millrace reject replay <run> --dry-run
  $ npx millrace reject replay <run> --wait
`

export function addReject(program: Command, done: Done): void {
  const reject = program
    .command('reject')
    .description('records that a run has rejected: look at them, load them after a fix')
    .addHelpText('after', more)
  reject
    .command('list')
    .description('every rejected record: object, line, byte, column, reason and the record itself')
    .argument('<run>')
    .option('--limit <n>', 'the first so many', positive)
    .option('--raw', 'the records alone, as they stand in the source', false)
    .action(async (run: string, own: Own<RejectListOptions>, command: Command) => {
      done(await listRejects(run, { ...own, ...globalOptions(command) }))
    })
  reject
    .command('replay')
    .description('drop the rejected records of a SUCCEEDED run anew, and them alone')
    .argument('<run>')
    .option('--dry-run', 'say what would be dropped; write nothing', false)
    .option('--wait', 'follow the run to its end; exit 0 only if it SUCCEEDED', false)
    .option('--partial', 'leave out what cannot be replayed', false)
    .option('--again', 'though they were replayed before', false)
    .action(async (run: string, own: Own<ReplayOptions>, command: Command) => {
      const { replayRejects } = await import('../reject-replay.ts')
      done(await replayRejects(run, { ...own, ...globalOptions(command) }))
    })
}
