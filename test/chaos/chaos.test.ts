/** A small one of `npm run chaos`: a few runs, under kills of workers, of functions and of the stack. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { it, type TestContext } from 'node:test'
import { endAll } from '../story/command.ts'
import { chaos } from './chaos.ts'

function folder(t: TestContext): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'millrace-chaos-'))
  t.after(async () => {
    await endAll()
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
  })
  return dir
}

it('runs under kill -9 of everything end, each with what was dropped and nothing else', async t => {
  const { faults, runs, done } = await chaos({
    dir: folder(t),
    runs: 4,
    seed: 3,
    msMax: 6000,
    atOnce: 4,
    cores: 2,
    hits: ['kill', 'reclaim', 'double', 'die', 'stack'],
    share: 0.5,
    noticeMsMax: 0,
    stackEveryMs: 3000,
    deathChance: 0.001,
    tell: () => {},
  })
  assert.deepEqual(faults, [])
  assert.equal(runs, 4)
  assert.ok(done.kill + done.reclaim + done.double + done.stack > 0, JSON.stringify(done))
})
