/** The command about many objects that are to become one run. */
import type { Command } from 'commander'
import { type LoadOptions, loadObjects } from '../load.ts'
import { globalOptions } from '../options.ts'
import type { Done } from './done.ts'
import { positive } from './numbers.ts'

const more = `
Patterns match whole keys: * and ? stop at a slash, ** does not.
Objects are read where they are. In AWS the deployed roles may read the drops bucket, and the buckets and prefixes
that pipelines name by source.bucket and source.prefix.

Examples:
  $ npx millrace load flights --prefix flights-2023/ --include '**/*.csv' --dry-run
  $ npx millrace load flights --manifest inventory/manifest.json --wait
  $ npx millrace load flights s3://bucket/a.csv s3://bucket/b.csv.gz --wait
`

function collect(value: string, before: string[]): string[] {
  return [...before, value]
}

export function addLoad(program: Command, done: Done): void {
  program
    .command('load')
    .description('take many objects that are already in S3 as one run of a pipeline')
    .argument('<pipeline>')
    .argument('[key...]', "keys in the pipeline's bucket, or s3://bucket/key")
    .option('--prefix <prefix>', "all below it: a prefix in the pipeline's bucket, or s3://bucket/prefix")
    .option('--manifest <file>', 'a list of keys or URIs, a JSON manifest, or one of S3 Inventory')
    .option('--include <pattern>', 'only keys like it (may be repeated)', collect, [])
    .option('--exclude <pattern>', 'no keys like it (may be repeated)', collect, [])
    .option('--partition-bytes <n>', "partition size for this run, instead of the pipeline's", positive)
    .option('--dry-run', 'count objects, bytes and partitions; write nothing', false)
    .option('--wait', 'follow the run to its end; exit 0 only if it SUCCEEDED', false)
    .addHelpText('after', more)
    .action(
      async (
        pipeline: string,
        keys: string[],
        own: Omit<LoadOptions, 'stage' | 'pipeline' | 'keys'>,
        command: Command,
      ) => {
        done(await loadObjects({ ...own, pipeline, keys, ...globalOptions(command) }))
      },
    )
}
