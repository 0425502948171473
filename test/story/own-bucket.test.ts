/** On one machine a bucket of the user is a folder beside the drops, and what is put into it is told of alike. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { dropOne } from '../../cli/drop.ts'
import { openLocalWorld } from '../../local/world.ts'
import { runIdOf } from '../../shared/plan.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { ended, openStory } from './story.ts'

const bucket = 'my-lake'
const lake = {
  name: 'lake',
  source: { bucket, prefix: '', format: 'csv' },
  work: { sql: 'SELECT * FROM input' },
  output: { prefix: 'curated/lake/' },
}

describe('a bucket of the user, on one machine', () => {
  test('is where a file is dropped, by another process too, and is listened to', async () => {
    const story = await openStory({ lake })
    try {
      const { world } = story.stack
      const file = path.join(story.dataDir, 'orders.csv')
      writeFileSync(file, 'id\n1\n2\n')
      const beside = await openLocalWorld(world.config, { pipelines: world.pipelines })
      const dropped = await dropOne(beside, file, {})
      beside.close()
      assert.deepEqual([dropped.bucket, dropped.key], [bucket, 'orders.csv'])
      const run = await ended(story, dropped.runId)
      assert.deepEqual([run.state, run.source.bucket], [RunState.SUCCEEDED, bucket])
    } finally {
      await story.close()
    }
  })

  test('is looked through at the start for files that were put there by hand', async () => {
    const story = await openStory({ lake })
    try {
      const { world } = story.stack
      const folder = path.dirname(world.objects.pathOf({ bucket, key: 'x' }))
      mkdirSync(folder, { recursive: true })
      writeFileSync(path.join(folder, 'by-hand.csv'), 'id\n3\n')
      assert.equal(await world.objects.recover(), 1)
      const { version = '' } = (await world.objects.head({ bucket, key: 'by-hand.csv' })) ?? {}
      const run = await ended(story, runIdOf('lake', { bucket, key: 'by-hand.csv' }, version))
      assert.equal(run.state, RunState.SUCCEEDED)
    } finally {
      await story.close()
    }
  })
})
