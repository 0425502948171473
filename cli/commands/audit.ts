/** The command that asks whether every object was loaded. */
import type { Command } from 'commander'
import { type AuditCommand, audit } from '../audit.ts'
import { globalOptions } from '../options.ts'
import type { Done } from './done.ts'

const more = `
Every object below the pipeline's prefix, and every manifest for it, is looked up in the ledger by its current version:
  loaded     a run with it has SUCCEEDED
  under way  its run has not ended, or it came within the last five minutes
  failed     its run has FAILED or was CANCELLED: npx millrace show <run> says how to go on
  refused    it cannot be taken as it is: npx millrace show <run> says why
  unclear    a list that was loaded after it is kept no longer, and may have named it
  missing    no run has it: its event was lost, or it was there before Millrace
--drop-missing sends the events of missing ones again, at most 10,000 a time. Nothing is copied, and what is dropped
twice is loaded once. With --json, each object that is refused, unclear, failed or missing is a line, the counts are the last.
Exit code 1: something is missing or has failed.

Examples:
  $ npx millrace audit flights --since 7d
  $ npx millrace audit flights --since 2026-11-01 --drop-missing --json
`

export function addAudit(program: Command, done: Done): void {
  program
    .command('audit')
    .description('hold what lies below the prefix of a pipeline against the ledger: what was never loaded?')
    .argument('<pipeline>')
    .option('--since <time>', 'only objects written since: 2026-11-01, or 7d ago')
    .option('--drop-missing', 'drop anew what is missing', false)
    .addHelpText('after', more)
    .action(
      async (
        pipeline: string,
        own: Pick<AuditCommand, 'since' | 'dropMissing'>,
        command: Command,
      ): Promise<void> => {
        done(await audit({ ...own, pipeline, ...globalOptions(command) }))
      },
    )
}
