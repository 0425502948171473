import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { occupy, runningStack } from '../../local/presence.ts'
import { isError } from '../../shared/errors.ts'
import { tempDir } from './temp-dir.ts'

const presence = {
  pid: process.pid,
  startedAt: '2026-01-01T00:00:00.000Z',
  batchUrl: 'http://127.0.0.1:1',
  slackUrl: 'http://127.0.0.1:2/api/',
  pipelinesDir: '/pipelines',
}
const taken = (error: unknown): boolean => isError(error, 'NOT_ALLOWED')

test('a running stack is found by others, and not before it says where it is or after it left', t => {
  const dir = tempDir(t)
  assert.equal(runningStack(dir), undefined)
  const occupancy = occupy(dir)
  assert.equal(runningStack(dir), undefined)
  occupancy.announce(presence)
  assert.deepEqual(runningStack(dir), presence)
  occupancy.leave()
  assert.equal(runningStack(dir), undefined)
  assert.equal(existsSync(path.join(dir, 'stack.json')), false)
})

test('a second stack cannot take a data folder while the first has it, and can afterwards', t => {
  const dir = tempDir(t)
  const first = occupy(dir)
  first.announce(presence)
  assert.throws(
    () => occupy(dir),
    error => taken(error) && String(error).includes(`process ${process.pid}`),
  )
  assert.deepEqual(runningStack(dir), presence, 'the first is still there')
  first.leave()
  occupy(dir).leave()
})

test('looking for a stack does not keep one from starting', t => {
  const dir = tempDir(t)
  occupy(dir).leave()
  runningStack(dir)
  occupy(dir).leave()
})

test('a stack that was killed counts as gone at once, its file notwithstanding', async t => {
  const dir = tempDir(t)
  const file = path.join(import.meta.dirname, 'fixtures', 'occupies-until-killed.ts')
  const child = spawn(process.execPath, [file, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  assert.equal(runningStack(dir)?.pid, child.pid)
  assert.throws(() => occupy(dir), taken)
  child.kill('SIGKILL')
  await once(child, 'close')
  assert.ok(existsSync(path.join(dir, 'stack.json')), 'the dead one left its file')
  assert.equal(runningStack(dir), undefined)
  const next = occupy(dir)
  assert.equal(runningStack(dir), undefined, 'the file of the dead one is not taken for ours')
  next.leave()
})

test('a file that is not whole is no running stack', t => {
  const dir = tempDir(t)
  const occupancy = occupy(dir)
  writeFileSync(path.join(dir, 'stack.json'), '{"pid": 1')
  assert.equal(runningStack(dir), undefined)
  occupancy.leave()
})
