/** The command that takes a stage out of AWS again. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { globalOptions } from '../options.ts'
import type { Done } from './done.ts'

const more = `
The stage has to be named. Cancel or await its open runs first (millrace runs --stage <stage>): their jobs end with the
queues. Buckets, table, key and the stack of the image are kept; docs/deploy.md says why, and how to be rid of them.
On a terminal it asks before it begins.

Examples:
  $ npm run remove -- --stage dev --region eu-central-1
`

export function addRemove(program: Command, done: Done): void {
  program
    .command('remove')
    .description('take a stage out of AWS again; its data, table, key and images are kept')
    .option('--region <name>', "an AWS Region (default: AWS_REGION, or the profile's)")
    .option('--yes', 'do not ask on a terminal', false)
    .addHelpText('after', more)
    .action(async ({ region, yes }: { region?: string; yes: boolean }, command: Command) => {
      const { stage, pipelinesDir, json } = globalOptions(command)
      const options = { stage, pipelinesDir, ...(region === undefined ? {} : { region }) }
      // SDK clients that no other command needs.
      const { sayRemoved } = await import('../deploy/main.ts')
      const { alone } = await import('../deploy/turn.ts')
      await alone(resolve(import.meta.dirname, '..', '..'), () => sayRemoved(options, json, yes))
      done(0)
    })
}
