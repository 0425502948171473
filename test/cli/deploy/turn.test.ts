import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { alone } from '../../../cli/deploy/turn.ts'
import { isError } from '../../../shared/errors.ts'

test('two deployments cannot share the folders of one checkout; one after the other they can, however the first ended', async t => {
  const root = mkdtempSync(path.join(tmpdir(), 'millrace-turn-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const second = (): Promise<string> => alone(root, async () => 'done')
  const first = alone(root, async () => {
    await assert.rejects(second(), error => isError(error, 'NOT_ALLOWED'))
    throw new Error('as asked')
  })
  await assert.rejects(first, /as asked/)
  assert.equal(await second(), 'done')
})
