/** The commands that start a stack of this machine. */
import type { Command } from 'commander'
import { globalOptions } from '../options.ts'
import { up } from '../up.ts'
import type { Done } from './done.ts'
import { positive } from './numbers.ts'

export function addStack(program: Command, done: Done): void {
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
      const { demo } = await import('../demo/main.ts')
      done(await demo(globalOptions(command)))
    })
}
