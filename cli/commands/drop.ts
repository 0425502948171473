/** The commands about a file that is to become a run. */
import type { Command } from 'commander'
import { type DropOptions, dropFiles } from '../drop.ts'
import { globalOptions } from '../options.ts'
import { planFile } from '../plan.ts'
import type { Done } from './done.ts'
import { positive } from './numbers.ts'

export function addDrop(program: Command, done: Done): void {
  program
    .command('drop')
    .description('copy files into the bucket of their pipeline, under its prefix')
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
