/** The command that plays the house on seeded trouble. */
import type { Command } from 'commander'
import { globalOptions } from '../options.ts'
import type { Done } from './done.ts'
import { positive, whole } from './numbers.ts'

interface Own {
  seeds: number
  firstSeed: number
  pipeline?: string
  workers?: number
}

export function addSimulate(program: Command, done: Done): void {
  program
    .command('simulate')
    .description(
      'play seeded stories of trouble on the real functions, in memory, and look for a broken promise',
    )
    .option('--seeds <n>', 'how many stories', positive, 1000)
    .option('--first-seed <n>', 'the first of them; the same seed is the same story', whole, 1)
    .option('--pipeline <name>', 'only with this pipeline')
    .option('--workers <n>', 'how many cores to use (default: all)', positive)
    .addHelpText('after', help)
    .action(async (own: Own, command: Command) => {
      const { simulate } = await import('../simulate.ts')
      const given = command.parent?.getOptionValueSource('pipelines') === 'cli'
      done(await simulate({ ...own, ...globalOptions(command), ownPipelines: given }))
    })
}

const help = `
A story drops files and lets things go wrong: calls that fail, events lost, repeated and late, functions and workers
that die at any call, zombies, Spot reclaims, memory, stale lists, clocks that are off, Slack that is down. After
every step the promises are held against what is there; at the end everything must have ended. The pipelines are the
simulator's own; with --pipelines <dir> they are yours, by their retry, tolerate, notify and group settings, on
records made up. Exit 1 where a promise is broken: the smallest story that breaks it is printed, and how to replay it.

Examples:
  $ npx millrace simulate --seeds 2000
  $ npx millrace simulate --seeds 1 --first-seed 4711
  $ npx millrace --pipelines ./pipelines simulate --seeds 5000
`
