import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isoTime } from '../../shared/clock.ts'
import { failureCodes, fingerprint } from '../../shared/failure.ts'
import type { PartitionRecord, RunRecord } from '../../shared/records.ts'
import { remedyOf } from '../../shared/remedy.ts'
import { failureGroups } from '../../shared/slack/failure-groups.ts'
import { type RunDetails, runMessage } from '../../shared/slack/message.ts'
import { Occasion, PartitionState, RunState } from '../../shared/vocabulary.ts'

const now = 1_750_000_125_000
const runId = '0123456789abcdef01234567'
const run: RunRecord = {
  runId,
  pipeline: 'flights',
  state: RunState.FAILED,
  source: { bucket: 'drops', key: 'flights/2026 & more.csv', bytes: 123_456_789, etag: 'e' },
  partitions: 400,
  round: 3,
  createdAt: isoTime(now - 125_000),
  updatedAt: isoTime(now),
}
const details: RunDetails = {
  partitions: { [PartitionState.SUCCEEDED]: 397, [PartitionState.FAILED]: 3 },
  failures: [
    {
      code: 'OUT_OF_MEMORY',
      fingerprint: 'OUT_OF_MEMORY: x',
      count: 2,
      example: { partition: 17, reason: 'OutOfMemoryError: Container killed' },
    },
    {
      code: 'APPLICATION',
      fingerprint: 'APPLICATION: y',
      count: 1,
      example: { partition: 40, reason: 'no column <b> & `c`' },
    },
  ],
}
const words = (message: object): string => JSON.stringify(message)
const texts = (value: unknown): { type: string; text: string }[] => {
  if (typeof value !== 'object' || value === null) return []
  const inner = Object.values(value).flatMap(texts)
  return 'text' in value && typeof value.text === 'string'
    ? [value as { type: string; text: string }, ...inner]
    : inner
}

const partitionRecord = (
  number: number,
  reasons: string[],
  state: PartitionState = PartitionState.FAILED,
): PartitionRecord => ({
  runId,
  partition: number,
  state,
  fence: 1,
  round: 1,
  failures: reasons.map(reason => ({
    round: 1,
    fence: 1,
    code: 'APPLICATION',
    fingerprint: fingerprint('APPLICATION', reason),
    reason,
    at: run.createdAt,
  })),
})

describe('The message of a run', () => {
  it('that failed says how far it came, how its partitions failed, what to do, and the very commands', () => {
    const said = words(runMessage(run, Occasion.FAILED, details, now))
    for (const wanted of [
      'flights: run failed',
      '397 of 400 succeeded, 3 failed, in 3 rounds',
      '*OUT_OF_MEMORY* in 2 partitions: the container ran out of memory',
      'OutOfMemoryError: Container killed',
      'Retry it with `--memory-mib`',
      '*APPLICATION* in 1 partition:',
      `npx millrace logs ${runId} 17`,
      `npx millrace retry ${runId}`,
      '123,456,789 bytes',
      '2 min 5 s',
    ]) {
      assert.ok(said.includes(wanted), wanted)
    }
  })

  it('that Batch had no place for names the very setting, and says nothing twice', () => {
    const reason = 'MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE'
    const failures = [
      { code: 'UNSCHEDULABLE' as const, fingerprint: 'x', count: 1, example: { partition: 0, reason } },
    ]
    const times = (failure?: RunRecord['failure']): number | undefined => {
      const told = { ...run, ...(failure ? { failure } : {}) }
      return words(runMessage(told, Occasion.FAILED, { ...details, failures }, now)).match(/raise maxvCpus/g)
        ?.length
    }
    assert.equal(times(), 1)
    assert.equal(
      times({ code: 'UNSCHEDULABLE', words: 'no place', remedy: remedyOf('UNSCHEDULABLE', reason) }),
      1,
    )
  })

  it('names the stage in every command, but for the local one', () => {
    const remote = words(runMessage(run, Occasion.FAILED, { ...details, stage: 'prod' }, now))
    assert.equal(
      remote.match(/npx millrace [^`]*--stage prod/g)?.length,
      remote.match(/npx millrace/g)?.length,
    )
    assert.ok(
      !words(runMessage(run, Occasion.FAILED, { ...details, stage: 'local' }, now)).includes('--stage'),
    )
  })

  it('of a refused file says why and what to do, and cannot offer a retry', () => {
    const failure = {
      code: 'BAD_INPUT',
      words: 'the header lacks <price>',
      remedy: 'Correct it & drop it again.',
    }
    const refused = { ...run, state: RunState.REFUSED, partitions: 0, failure }
    const message = runMessage(refused, Occasion.REFUSED, { partitions: {}, failures: [] }, now)
    const said = words(message)
    assert.match(message.text, /flights: file refused: .*: the header lacks &lt;price&gt;/)
    assert.ok(said.includes('Correct it &amp; drop it again.'))
    assert.ok(!said.includes('millrace retry') && !said.includes('*Partitions*'))
  })

  it('that recovered gives its records and certificate, says nothing of the failure, in the same thread', () => {
    const recovered: RunRecord = {
      ...run,
      state: RunState.SUCCEEDED,
      failure: { code: 'GAVE_UP', words: 'old woe', remedy: 'none' },
      certificate: 'curated/_millrace/x.json',
      totals: { recordsRead: 3_000_000, recordsWritten: 2_999_999, recordsRejected: 1 },
      thread: { channel: 'C1', ts: '17.42' },
    }
    const message = runMessage(recovered, Occasion.RECOVERED, details, now)
    const said = words(message)
    assert.equal(message.threadTs, '17.42')
    assert.ok(said.includes('3,000,000 read, 2,999,999 written, 1 rejected'))
    assert.ok(said.includes('curated/_millrace/x.json'))
    assert.ok(
      !said.includes('old woe') && !said.includes('OUT_OF_MEMORY') && !said.includes('millrace retry'),
    )
  })

  it('has a text of its own on every occasion, and no thread where there is none', () => {
    for (const occasion of Object.values(Occasion)) {
      const message = runMessage(run, occasion, details, now)
      assert.ok(message.text.includes('flights') && message.text.includes('s3://drops/'), occasion)
      assert.ok(!('threadTs' in message))
    }
  })

  it('cannot be made to mention, link or format by what data says', () => {
    const nasty = '<!channel> <https://evil|x> ``` *bold* & &lt;'
    const group = {
      code: 'APPLICATION' as const,
      fingerprint: 'f',
      count: 1,
      example: { partition: 0, reason: nasty },
    }
    const source = { ...run.source, key: `${nasty}.csv` }
    const message = runMessage({ ...run, source }, Occasion.FAILED, { ...details, failures: [group] }, now)
    for (const { text } of texts(message.blocks)) {
      assert.doesNotMatch(text, /<|>/)
      assert.equal((text.match(/```/g) ?? []).length % 2, 0)
    }
    assert.doesNotMatch(message.text, /<|>/)
    assert.ok(words(message).includes('&amp;lt;'), 'escaped, not decoded')
  })

  it('stays within Slack’s limits whatever it is given, and is cut in no escape, span or pair', () => {
    const long = '<&😀>'.repeat(2000)
    const failures = Array.from({ length: 300 }, (_, partition) => ({
      code: failureCodes[partition % failureCodes.length] ?? 'UNKNOWN',
      fingerprint: `${partition}`,
      count: 10,
      example: { partition, reason: long },
    }))
    const failure = { code: 'APPLICATION', words: long, remedy: long }
    const big = { ...run, failure, source: { ...run.source, key: long }, certificate: long }
    for (const occasion of Object.values(Occasion)) {
      const message = runMessage(big, occasion, { ...details, failures }, now)
      assert.ok(message.blocks.length <= 50)
      assert.ok(message.text.length <= 4000)
      assert.ok(words(message).includes('…'))
      for (const { type, text } of [...texts(message.blocks), { type: 'mrkdwn', text: message.text }]) {
        assert.ok(text.length > 0 && text.length <= (type === 'plain_text' ? 150 : 4000), `${text.length}`)
        assert.doesNotMatch(text, /&(?!amp;|lt;|gt;)/)
        assert.ok(text.isWellFormed())
        assert.equal((text.match(/`/g) ?? []).length % 2, 0, text.slice(-80))
      }
      for (const block of message.blocks as { type: string; text?: { text: string } }[]) {
        if (block.type === 'section') assert.ok((block.text?.text.length ?? 0) <= 3000)
      }
    }
    const said = words(runMessage(big, Occasion.FAILED, { ...details, failures }, now))
    assert.ok(said.includes('and 292 other kinds of failure in 2,920 partitions'))
  })
})

describe('Failures', () => {
  it('that are alike are one group with a count and the first partition as example, most frequent first', () => {
    const groups = failureGroups([
      partitionRecord(9, ['odd one']),
      partitionRecord(7, ['line 12 is wrong']),
      partitionRecord(3, ['odd before', 'line 99 is wrong']),
    ])
    assert.deepEqual(
      groups.map(({ count, example }) => [count, example]),
      [
        [2, { partition: 3, reason: 'line 99 is wrong' }],
        [1, { partition: 9, reason: 'odd one' }],
      ],
    )
  })

  it('of what we ended ourselves come last, however many they are: they are never the reason', () => {
    const ended = [1, 2, 3].map(partition => {
      const record = partitionRecord(partition, ['Terminated by Millrace: x'])
      const failures = (record.failures ?? []).map(failure => ({ ...failure, code: 'CANCELLED' as const }))
      return { ...record, failures }
    })
    const groups = failureGroups([...ended, partitionRecord(9, ['odd one'])])
    assert.deepEqual(
      groups.map(({ count, example }) => [count, example.reason]),
      [
        [1, 'odd one'],
        [3, 'Terminated by Millrace: x'],
      ],
    )
  })

  it('of partitions that succeeded in the end, or never failed, are not among them', () => {
    assert.deepEqual(
      failureGroups([partitionRecord(1, ['x'], PartitionState.SUCCEEDED), partitionRecord(2, [])]),
      [],
    )
  })
})
