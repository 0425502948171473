/** What every implementation of DeadLetters keeps to. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { DeadLetters } from '../../shared/dead-letters.ts'
import type { OwnEvent } from '../../shared/ports.ts'
import { EventType, ownSource } from '../../shared/vocabulary.ts'
import { type SuiteOptions, titled } from './suite.ts'

export interface DeadLettersUnderTest {
  letters: DeadLetters
  /** Sends it to the drops' queue and lets it be received there until it is given up. */
  giveUpDrop(body: string): Promise<void>
  /** Into the functions' dead letters, as Lambda puts it there. */
  putFailure(body: string): Promise<void>
  /** What waits in the drops' queue; each can be received. */
  dropsWaiting(): Promise<string[]>
  /** By way of the bus. */
  published: OwnEvent[]
  dispose(): Promise<void>
}

export const roundDue = {
  source: ownSource,
  'detail-type': EventType.roundDue,
  detail: { runId: 'a'.repeat(24), pipeline: 'flights', round: 2 },
}

/** As Lambda words it. */
export function failureOf(functionName: string, event: unknown): string {
  return JSON.stringify({
    version: '1.0',
    requestContext: {
      functionArn: `arn:aws:lambda:us-east-1:123456789012:function:millrace-dev-${functionName}:$LATEST`,
      condition: 'RetriesExhausted',
      approximateInvokeCount: 3,
    },
    requestPayload: event,
    responsePayload: { errorType: 'Error', errorMessage: 'no such table\n  at somewhere' },
  })
}

const bodiesIn = (found: readonly { body: string }[]): string[] => found.map(({ body }) => body).toSorted()

export function deadLettersContract(
  name: string,
  open: () => Promise<DeadLettersUnderTest>,
  options: SuiteOptions = {},
): void {
  describe(`dead letters: ${name}`, () => {
    const test = titled(options)
    const opened = async (work: (under: DeadLettersUnderTest) => Promise<void>): Promise<void> => {
      const under = await open()
      try {
        await work(under)
      } finally {
        await under.dispose()
      }
    }

    test('lists what was given up, again and again, and takes nothing away', () =>
      opened(async ({ letters, giveUpDrop }) => {
        assert.deepEqual(await letters.list('DropsDlq', 10), [])
        for (const body of ['"one"', '"two"']) await giveUpDrop(body)
        for (let looks = 0; looks < 2; looks++) {
          const found = await letters.list('DropsDlq', 10)
          assert.deepEqual(bodiesIn(found), ['"one"', '"two"'])
          assert.ok(found.every(({ receives }) => receives >= 2))
          assert.ok(found.every(({ sentAt }) => sentAt > 0))
        }
      }))

    test('lists more than one call gives, and no more than it is asked for', () =>
      opened(async ({ letters, putFailure }) => {
        for (let at = 0; at < 13; at++) await putFailure(`"${at}"`)
        assert.equal((await letters.list('FunctionsDlq', 100)).length, 13)
        assert.equal((await letters.list('FunctionsDlq', 11)).length, 11)
        assert.equal((await letters.list('FunctionsDlq', 2)).length, 2)
      }))

    test('puts a drop back into the queue that gave it up, and only so many', () =>
      opened(async ({ letters, giveUpDrop, dropsWaiting }) => {
        for (const body of ['"one"', '"two"']) await giveUpDrop(body)
        const [first] = await letters.redrive('DropsDlq', 1)
        assert.equal(first?.to, 'queue')
        assert.deepEqual(await dropsWaiting(), [first?.letter.body])
        assert.equal((await letters.list('DropsDlq', 10)).length, 1)
        assert.equal((await letters.redrive('DropsDlq', 10)).length, 1)
        assert.deepEqual(await letters.list('DropsDlq', 10), [])
        assert.deepEqual(await letters.redrive('DropsDlq', 10), [])
      }))

    test("publishes a function's event on the bus again, and does not need the tick of a schedule", () =>
      opened(async ({ letters, putFailure, published, dropsWaiting }) => {
        await putFailure(failureOf('submit', roundDue))
        await putFailure(failureOf('reconcile', { source: 'aws.scheduler', detail: '{}' }))
        const redriven = await letters.redrive('FunctionsDlq', 10)
        assert.deepEqual(redriven.map(({ to }) => to).toSorted(), ['bus', 'nowhere'])
        assert.deepEqual(published, [{ type: EventType.roundDue, detail: roundDue.detail }])
        assert.deepEqual(await letters.list('FunctionsDlq', 10), [])
        assert.deepEqual(await dropsWaiting(), [])
      }))

    test('cannot put back what is no event of ours, and leaves it where it is', () =>
      opened(async ({ letters, putFailure, published }) => {
        for (const body of ['no JSON', failureOf('submit', { source: 'somebody', detail: {} })]) {
          await putFailure(body)
        }
        const redriven = await letters.redrive('FunctionsDlq', 10)
        assert.deepEqual(
          redriven.map(({ to }) => to),
          ['unknown', 'unknown'],
        )
        assert.equal((await letters.list('FunctionsDlq', 10)).length, 2)
        assert.deepEqual(published, [])
      }))
  })
}
