import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type AttemptEnd,
  classify,
  type FailureCode,
  failureCodes,
  failureRules,
  fingerprint,
} from '../../shared/failure.ts'

/** As Batch and the ECS agent write them. */
const ends: [AttemptEnd, FailureCode][] = [
  [{ statusReason: 'Host EC2 (instance i-0abc1234def567890) terminated.' }, 'SPOT_RECLAIMED'],
  [{ statusReason: 'Host EC2 (instance i-0abc1234def567890) terminated.', exitCode: 143 }, 'SPOT_RECLAIMED'],
  [{ statusReason: 'Your Spot Task was interrupted.', exitCode: 137 }, 'SPOT_RECLAIMED'],
  [{ reason: 'OutOfMemoryError: Container killed due to memory usage', exitCode: 137 }, 'OUT_OF_MEMORY'],
  [{ reason: 'OutOfMemoryError: container killed due to memory usage', exitCode: 137 }, 'OUT_OF_MEMORY'],
  [{ statusReason: 'Job attempt duration exceeded timeout', exitCode: 137 }, 'TIMED_OUT'],
  [{ statusReason: 'Canceled by JobStateTimeLimit action due to reason: CAPACITY:X' }, 'UNSCHEDULABLE'],
  [{ statusReason: 'MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT' }, 'UNSCHEDULABLE'],
  [{ statusReason: 'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - too few' }, 'UNSCHEDULABLE'],
  [{ statusReason: 'ACTION_REQUIRED - CE(s) associated with the job queue are invalid.' }, 'UNSCHEDULABLE'],
  [{ statusReason: 'UNDETERMINED - Batch job is blocked, root cause is undetermined.' }, 'UNSCHEDULABLE'],
  [{ statusReason: 'Container Overrides length must be at most 8192' }, 'UNSCHEDULABLE'],
  ...[
    'CannotPullImageManifestError',
    'CannotPullECRContainerError',
    'CannotPullContainerAuthError',
    'CannotCreateContainerError',
    'CannotStartContainerError',
  ].map((name): [AttemptEnd, FailureCode] => [
    { statusReason: 'Task failed to start', reason: `${name}: no` },
    'INFRASTRUCTURE',
  ]),
  [{ statusReason: 'Task failed to start' }, 'INFRASTRUCTURE'],
  [
    { statusReason: 'Task failed to start', reason: 'CannotPullContainerError: no such image' },
    'INFRASTRUCTURE',
  ],
  [
    { statusReason: 'Task failed to start', reason: 'DockerTimeoutError: Could not transition' },
    'INFRASTRUCTURE',
  ],
  [{ reason: 'ResourceInitializationError: unable to pull secrets' }, 'INFRASTRUCTURE'],
  [
    { reason: 'CannotInspectContainerError: Could not transition to inspecting', exitCode: 0 },
    'INFRASTRUCTURE',
  ],
  [{ statusReason: 'Essential container in task exited', exitCode: 65 }, 'BAD_INPUT'],
  [{ statusReason: 'Essential container in task exited', exitCode: 75 }, 'TEMPORARY'],
  [{ statusReason: 'Essential container in task exited', exitCode: 1 }, 'APPLICATION'],
  [{ statusReason: 'Terminated by Millrace: cancelled' }, 'CANCELLED'],
  [{ statusReason: 'Terminated by Millrace: another job has its work' }, 'SUPERSEDED'],
  [{ statusReason: 'JobQueue deleted' }, 'CANCELLED'],
  [{ statusReason: 'Dependent Job failed' }, 'SUPERSEDED'],
  [{ statusReason: 'words that AWS adds tomorrow' }, 'UNKNOWN'],
  [{ statusReason: 'words that AWS adds tomorrow', reason: 'NewError: x', exitCode: 75 }, 'TEMPORARY'],
  [{}, 'UNKNOWN'],
]

describe('how an attempt ended', () => {
  for (const [end, code] of ends) {
    test(`is ${code}: ${JSON.stringify(end)}`, () => assert.equal(classify(end), code))
  }

  test('is told by reasons first: exit code 137 alone is no proof of memory', () => {
    assert.equal(
      classify({ statusReason: 'Essential container in task exited', exitCode: 137 }),
      'APPLICATION',
    )
  })

  test('is told by reasons first: exit code 143 alone is no proof of a reclaim', () => {
    assert.equal(
      classify({ statusReason: 'Essential container in task exited', exitCode: 143 }),
      'APPLICATION',
    )
  })

  test('is told by reasons first: whatever the exit code, the host that went decides', () => {
    for (const exitCode of [0, 1, 65, 75, 137, 143])
      assert.equal(
        classify({ statusReason: 'Host EC2 (instance i-0abc) terminated.', exitCode }),
        'SPOT_RECLAIMED',
      )
  })

  test('is not told by a reason in the wrong place', () => {
    assert.equal(classify({ reason: 'Host EC2 is a nice host', exitCode: 1 }), 'APPLICATION')
  })
})

describe('every failure code', () => {
  for (const code of failureCodes) {
    test(`has words and a remedy that read as sentences: ${code}`, () => {
      assert.match(failureRules[code].words, /^[a-zA-Z].*[^.]$/)
      assert.match(failureRules[code].remedy, /\.$/)
      assert.ok(failureRules[code].remedy.length <= 250, 'Slack would cut it')
    })
  }

  test('that costs no try is not the fault of the work', () => {
    const free = failureCodes.filter(code => !failureRules[code].costsAttempt)
    assert.deepEqual(free, [
      'SPOT_RECLAIMED',
      'OUT_OF_MEMORY',
      'TIMED_OUT',
      'MISCUT',
      'CANCELLED',
      'SUPERSEDED',
    ])
  })
})

describe('a fingerprint', () => {
  test('is the same for failures that differ in numbers, names and instances only', () => {
    const one = fingerprint('APPLICATION', 'column "a" at byte 17 on i-0abc1234def567890')
    const other = fingerprint(
      'APPLICATION',
      "column 'b' at byte 4,200 on i-0fff1234def567890".replace('4,200', '4200'),
    )
    assert.equal(one, other)
  })

  test('differs for failures of another kind', () => {
    assert.notEqual(fingerprint('APPLICATION', 'no such column'), fingerprint('APPLICATION', 'syntax error'))
    assert.notEqual(fingerprint('TEMPORARY', 'x'), fingerprint('APPLICATION', 'x'))
  })

  test('is bounded, however long the reason', () => {
    assert.ok(fingerprint('APPLICATION', 'x'.repeat(100_000)).length < 200)
  })
})
