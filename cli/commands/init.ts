/** The command that writes a pipeline file. */
import type { Command } from 'commander'
import { type InitOptions, initPipeline } from '../init.ts'
import { globalOptions } from '../options.ts'
import type { Done } from './done.ts'

type Own = Pick<InitOptions, 'name' | 'prefix' | 'stdout'>

export function addInit(program: Command, done: Done): void {
  program
    .command('init')
    .description(
      'write a pipeline file for files like these: format, dialect, columns and types by their content',
    )
    .argument('<sample...>', 'one or more files of the same kind, compressed or not')
    .option('--name <name>', "the pipeline's name (default: by the first sample's)")
    .option('--prefix <prefix>', 'keys that it takes (default: <name>/)')
    .option('--stdout', 'print the file instead of writing it', false)
    .addHelpText('after', teaching)
    .action(async (samples: string[], own: Own, command: Command) => {
      done(await initPipeline(samples, { ...own, ...globalOptions(command) }))
    })
}

const teaching = `
Looks at the first 64 KiB of each sample. Takes CSV of any dialect, NDJSON, JSON with an array of records, known
logs, plain lines, Parquet and Avro; the name of a file counts for nothing. Each column gets the narrowest type that
takes all values seen exactly; what looks like a number and would not come back as it was (007) stays VARCHAR.
Never overwrites a file.

Examples:
  $ npx millrace init sales-january.csv.gz sales-february.csv.gz --name sales
  $ npx millrace init events.json --stdout
  $ npx millrace plan sales-march.csv.gz --pipeline sales     then: what the pipeline makes of another file
`
