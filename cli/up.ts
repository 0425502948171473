/** `millrace up`: the whole of Millrace on this machine, until Ctrl-C. */
import { once } from 'node:events'
import path from 'node:path'
import { MillraceError } from '../shared/errors.ts'
import { ownBuckets } from '../shared/source-bucket.ts'
import type { GlobalOptions } from './options.ts'
import { localStage } from './options.ts'
import { stackLog } from './stack-log.ts'
import { startOwn } from './stage.ts'
import { tableText } from './words.ts'

export async function up(options: GlobalOptions & { cores?: number }): Promise<number> {
  if (options.stage !== localStage) {
    throw new MillraceError('NOT_ALLOWED', `up starts the local stage, not ${options.stage}`, {
      remedy: 'A deployed stage is always up; see docs/deploy.md.',
    })
  }
  const { stack, world, close } = await startOwn(
    options,
    stackLog(options.dataDir, !options.json),
    options.cores,
  )
  const { drops, output } = world.config.buckets
  // The empty key lies right in its bucket.
  const folderOf = (bucket: string): string => path.dirname(stack.world.objects.pathOf({ bucket, key: '' }))
  const facts = {
    pid: process.pid,
    dataDir: options.dataDir,
    ...stack.urls,
    pipelines: world.pipelines.map(p => p.name),
  }
  if (options.json) process.stdout.write(`${JSON.stringify(facts)}\n`)
  else {
    const rows = [
      ['pipelines', facts.pipelines.join(', ')],
      ['drops in', `${folderOf(drops)}   (a file copied here by hand is taken at the next start)`],
      ...ownBuckets(world.pipelines).map(bucket => [
        'and in',
        `${folderOf(bucket)}   (stands for your bucket ${bucket})`,
      ]),
      ['output in', folderOf(output)],
      ['AWS Batch', stack.urls.batch],
      ['Slack sink', stack.urls.slack],
      ['next', 'npx millrace drop <file> --wait   (in another terminal; Ctrl-C here to stop)'],
    ]
    process.stdout.write(`Millrace is up.\n${tableText(rows)}\n`)
  }
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  if (!options.json) process.stdout.write('\nstopping; `up` again goes on where this stopped\n')
  await close()
  return 0
}
