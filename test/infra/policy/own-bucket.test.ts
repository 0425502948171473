/** What the roles are granted of a user's bucket, held against what is asked of it: all is needed, and nothing else. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import type { PipelineInput } from '../../../shared/pipeline.ts'
import { pipelineSet } from '../../../shared/pipelines.ts'
import { manifestsPrefix } from '../../../shared/reserved.ts'
import { MemoryHouse } from '../../../sim/memory-house.ts'
import { linesOf, linesPipeline } from '../../flow/settings.ts'
import { type Packaged, packagePipelines } from '../packaged.ts'
import { callersIn } from './callers.ts'
import { callersOf, observer, Replayed, type Seen } from './replay.ts'
import { region } from './resolve.ts'
import type { Used } from './service-calls.ts'
import { grantsOf, judge } from './statements.ts'

const bucket = 'my-lake'
const kmsKeyArn = `arn:aws:kms:${region}:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab`
const lake: PipelineInput = {
  ...linesPipeline({ name: 'lake' }),
  source: { bucket, kmsKeyArn, prefix: 'text/', format: 'lines' },
}

/** With versions and without: each is asked for by another action. */
async function playOwnBucket(observed: ReturnType<typeof observer>, unversioned: string[]): Promise<void> {
  const house = new MemoryHouse({ pipelines: [lake], observed, unversioned, slots: 0 })
  // The first is overwritten before it is planned, the second once it is, the third is read whole.
  for (const mark of ['a', 'b']) await house.drop('text/a.txt', linesOf(2, mark), { bucket })
  await house.untilQuiet()
  await house.drop('text/a.txt', linesOf(3, 'c'), { bucket })
  house.children.slots = 4
  await house.untilEnded()
  await house.drop(`${manifestsPrefix}lake/list.json`, JSON.stringify({ prefix: 'text/' }))
  await house.untilEnded()
}

describe('the grants on a bucket of the user', () => {
  let packaged: Packaged
  let verdict: ReturnType<typeof judge>
  const used: Used[] = []

  before(async () => {
    packaged = await packagePipelines(pipelineSet({ lake }))
    const seen: Seen[] = []
    const observed = observer(call => seen.push(call))
    for (const unversioned of [[], [bucket]]) await playOwnBucket(observed, unversioned)
    const lives = callersOf(seen)
    for (const [name, caller] of callersIn(packaged.template)) {
      const replayed = new Replayed(caller, needs => {
        for (const need of needs) used.push({ role: caller.role, need }, ...decryptedFor(caller.role, need))
      })
      for (const call of seen) if (lives.get(call.life) === name) await replayed.replay(call)
    }
    verdict = judge(grantsOf(packaged.template), used)
  })
  after(() => rm(packaged.dir, { recursive: true, force: true }))

  /** An object of the bucket has the key of the user. */
  function decryptedFor(role: string, { action, resource }: Used['need']): Used[] {
    if (!resource.startsWith(`arn:aws:s3:::${bucket}/`) || !action.startsWith('s3:GetObject')) return []
    const context = { 'kms:ViaService': `s3.${region}.amazonaws.com` }
    return [{ role, need: { action: 'kms:Decrypt', resource: kmsKeyArn, context } }]
  }

  const ofBucket = (lines: readonly string[]): string[] =>
    lines.filter(line => line.includes(bucket) || line.includes(kmsKeyArn))

  it('are of the function that plans, and of the job that works', () => {
    const roles = new Set(used.filter(({ need }) => need.resource.includes(bucket)).map(({ role }) => role))
    const granted = [...grantsOf(packaged.template)].filter(([, grants]) =>
      grants.some(({ resource }) => resource.includes(bucket)),
    )
    assert.deepEqual(granted.map(([id]) => id).toSorted(), [...roles].toSorted())
    assert.equal(roles.size, 2)
  })

  it('allow every call that is made of it', () => assert.deepEqual(ofBucket(verdict.outside), []))

  it('cannot be left out: each is used', () => assert.deepEqual(ofBucket(verdict.unused), []))
})
