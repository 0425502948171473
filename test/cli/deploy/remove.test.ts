/** `millrace remove`: only a stage that was named, and that is there; by programs and an account that only write down. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remove } from '../../../cli/deploy/remove.ts'
import { removedText } from '../../../cli/deploy/words.ts'
import { type Town, town } from './stand-ins.ts'

const outputs = { DropsBucket: 'drops-x1', Table: 'table-x1', Key: 'key-x1', Bus: 'bus-x1' }
const packaged = ({ calls }: Town): string[] =>
  calls().flatMap(({ who, args }) => (who === 'serverless' ? [args.join(' ')] : []))

test('a stage that is named and there is removed, and what is kept of it is said', async t => {
  const place = await town(t)
  place.stacks.set('millrace-prod', { status: 'UPDATE_COMPLETE', outputs })
  const removed = await remove(place.options, place.parts)
  assert.deepEqual(packaged(place), ['remove --stage prod --region eu-central-1'])
  assert.match(place.questions[0] ?? '', /^Remove stage prod from account 123456789012, eu-central-1\?/)
  assert.deepEqual(removed?.kept, { DropsBucket: 'drops-x1', Table: 'table-x1', Key: 'key-x1' })
  assert.match(
    removedText(removed as NonNullable<typeof removed>),
    /removed from eu-central-1[\s\S]*table-x1/,
  )
})

test('nothing is removed where the answer is no, no stage is named, or there is no such stack', async t => {
  const no = await town(t)
  no.stacks.set('millrace-prod', { status: 'UPDATE_COMPLETE', outputs })
  assert.equal(await remove(no.options, { ...no.parts, confirm: async () => false }), undefined)
  const unnamed = await town(t)
  unnamed.stacks.set('millrace-local', { status: 'UPDATE_COMPLETE', outputs })
  await assert.rejects(remove({ ...unnamed.options, stage: 'local' }, unnamed.parts), /no stage was named/)
  const gone = await town(t)
  await assert.rejects(
    remove(gone.options, gone.parts),
    /there is no stack millrace-prod in account 123456789012/,
  )
  for (const place of [no, unnamed, gone]) assert.deepEqual(packaged(place), [])
})

test('a removal that fails says so', async t => {
  const place = await town(t)
  place.stacks.set('millrace-prod', { status: 'UPDATE_COMPLETE', outputs })
  place.failing.add('serverless remove')
  await assert.rejects(remove(place.options, place.parts), /exit 3/)
})
