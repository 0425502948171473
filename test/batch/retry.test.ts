import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  checkRetryStrategy,
  type ExitFacts,
  type ExitRule,
  isRetried,
} from '../../local/batch/evaluate-on-exit.ts'
import { JobStatus } from '../../shared/vocabulary.ts'
import { fixture, openLocalBatch, retrySpot, statusesOf } from './local-batch.ts'

const hostLost: ExitFacts = { statusReason: 'Host EC2 (instance i-0123456789abcdef0) terminated.' }
const failed: ExitFacts = { statusReason: 'Essential container in task exited', exitCode: 1 }
const outOfMemory: ExitFacts = { ...failed, reason: 'OutOfMemoryError: Container killed', exitCode: 137 }

const cases: [string, ExitRule[], ExitFacts, boolean][] = [
  ['retries where there is no rule', [], failed, true],
  ['retries where no rule matches', [{ onExitCode: '2', action: 'EXIT' }], failed, true],
  ['exits where a rule says so', [{ onExitCode: '1', action: 'EXIT' }], failed, false],
  ['takes the action in any case', [{ onExitCode: '1', action: 'exit' }], failed, false],
  ['retries a lost host by the recipe', retrySpot.evaluateOnExit, hostLost, true],
  ['exits else by the recipe, reason or not', retrySpot.evaluateOnExit, failed, false],
  ['matches a reason by its beginning', [{ onReason: 'OutOfMemory*', action: 'EXIT' }], outOfMemory, false],
  ['cannot match a reason by its middle', [{ onReason: 'Memory*', action: 'EXIT' }], outOfMemory, true],
  [
    'needs the whole text without a star',
    [{ onReason: 'OutOfMemoryError', action: 'EXIT' }],
    outOfMemory,
    true,
  ],
  ['matches an exit code by its beginning', [{ onExitCode: '13*', action: 'EXIT' }], outOfMemory, false],
  [
    'needs every condition of a rule',
    [{ onExitCode: '137', onReason: 'Cannot*', action: 'EXIT' }],
    outOfMemory,
    true,
  ],
  [
    'lets the first matching rule decide',
    [
      { onExitCode: '1*', action: 'RETRY' },
      { onExitCode: '*', action: 'EXIT' },
    ],
    failed,
    true,
  ],
]

describe('evaluateOnExit', () => {
  for (const [what, rules, facts, expected] of cases) {
    test(what, () => assert.equal(isRetried(rules, facts), expected))
  }

  test('takes letters, digits, dots, colons, white space and one star at the end', () => {
    const rule = { onStatusReason: 'Host EC2: i.1 *', onReason: '*', onExitCode: '13*', action: 'RETRY' }
    checkRetryStrategy({ attempts: 10, evaluateOnExit: [rule] })
  })

  for (const rule of [
    { onReason: '*Error', action: 'EXIT' },
    { onExitCode: '1a', action: 'EXIT' },
    { onReason: 'x'.repeat(513), action: 'EXIT' },
    { action: 'EXIT' },
    { onReason: '*', action: 'IGNORE' },
  ]) {
    test(`cannot be given ${JSON.stringify(rule).slice(0, 60)}`, () => {
      assert.throws(() => checkRetryStrategy({ attempts: 2, evaluateOnExit: [rule] }), /Evaluate on exit/)
    })
  }
})

test('a job that fails is run again until its attempts are used up', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('fail.mjs', '7'), { retryStrategy: { attempts: 3 } })
  const { detail } = await batch.reaches(jobId, JobStatus.FAILED)
  assert.deepEqual(
    detail.attempts?.map(({ container, statusReason }) => [container?.exitCode, statusReason]),
    Array.from({ length: 3 }, () => [7, 'Essential container in task exited']),
  )
  assert.equal(detail.container?.exitCode, 7)
  const once = [JobStatus.RUNNABLE, JobStatus.STARTING, JobStatus.RUNNING]
  assert.deepEqual(statusesOf(batch.events, jobId), [...once, ...once, ...once, JobStatus.FAILED])
})

test('a job that fails is not run again where a rule says EXIT', async () => {
  await using batch = await openLocalBatch()
  const jobId = await batch.submit(fixture('fail.mjs', '65'), { retryStrategy: retrySpot })
  const { detail } = await batch.reaches(jobId, JobStatus.FAILED)
  assert.equal(detail.attempts?.length, 1)
})

test('a child that is run again keeps its index and is told of its second attempt', async () => {
  await using batch = await openLocalBatch()
  const parent = await batch.submit(fixture('fails-first.mjs'), {
    arrayProperties: { size: 2 },
    retryStrategy: { attempts: 2 },
  })
  const { detail } = await batch.reaches(parent, JobStatus.SUCCEEDED)
  assert.deepEqual(detail.arrayProperties?.statusSummary, { [JobStatus.SUCCEEDED]: 2 })
  assert.equal(batch.logOf(`${parent}:1`, 2), 'index 1, attempt 2\n')
})

test('a job that is run again goes before everything that waits', async () => {
  await using batch = await openLocalBatch({ cores: 1 })
  const first = await batch.submit(fixture('fails-first.mjs'), { retryStrategy: { attempts: 2 } })
  const second = await batch.submit(fixture('succeed.mjs'))
  await batch.reaches(second, JobStatus.SUCCEEDED)
  const started = batch.events.filter(({ detail }) => detail.status === JobStatus.STARTING)
  assert.deepEqual(
    started.map(({ detail }) => detail.jobId),
    [first, first, second],
  )
})
