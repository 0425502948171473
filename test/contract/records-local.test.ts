import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it, type TestContext } from 'node:test'
import { openLocalRecords } from '../../local/records.ts'
import type { RecordKey } from '../../shared/table.ts'

const program = path.join(import.meta.dirname, 'records-child.ts')
const key: RecordKey = { pk: 'COUNT', sk: 'ONE' }

function newFile(t: TestContext): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'millrace-records-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return path.join(dir, 'deep', 'records.db')
}

function child(dbFile: string, times: number) {
  return spawn(process.execPath, [program, dbFile, String(times)], { stdio: ['ignore', 'pipe', 'inherit'] })
}

describe('A table on one machine', () => {
  it('loses no count when several processes count, all starting at once in a new file', async t => {
    const dbFile = newFile(t)
    const exits = await Promise.all(
      [400, 400, 400].map(async times => {
        const [code] = await once(child(dbFile, times), 'exit')
        return code
      }),
    )
    assert.deepEqual(exits, [0, 0, 0])
    const records = openLocalRecords(dbFile)
    const item = await records.get(key)
    assert.equal(item?.count, 1200)
    assert.equal(Array.isArray(item.list) && item.list.length, 12)
    records.close()
  })

  it('keeps every write that was answered when the writer is killed', { timeout: 60_000 }, async t => {
    const dbFile = newFile(t)
    const writer = child(dbFile, 0)
    t.after(() => writer.kill('SIGKILL'))
    let answered = 0
    for await (const line of createInterface({ input: writer.stdout })) {
      answered = Number(line)
      if (answered >= 500) writer.kill('SIGKILL')
    }
    const records = openLocalRecords(dbFile)
    const count = Number((await records.get(key))?.count)
    assert.ok(answered >= 500 && count >= answered, `${count} of ${answered}`)
    assert.ok((await records.update(key, { add: { count: 1 } })).ok)
    records.close()
  })

  it('is the same to whoever opens it next, indexes and all', async t => {
    const dbFile = newFile(t)
    const first = openLocalRecords(dbFile)
    await first.put({ ...key, open: 'OPEN', openSk: '1' })
    first.close()
    const second = openLocalRecords(dbFile)
    assert.equal((await second.query({ index: 'open', pk: 'OPEN' })).items.length, 1)
    second.close()
  })

  it('takes a page of 10,000 claims apart without losing one to its own rivals', async t => {
    const records = openLocalRecords(newFile(t))
    const claim = (at: number) =>
      records.update({ pk: `PAGE#${Math.floor(at / 1000)}`, sk: `PART#${at}` }, { add: { fence: 1 } }, [
        { fence: { absent: true } },
      ])
    const outcomes = await Promise.all(Array.from({ length: 20_000 }, (_, at) => claim(at % 10_000)))
    assert.equal(outcomes.filter(({ ok }) => ok).length, 10_000)
    assert.ok(outcomes.slice(10_000).every(({ ok, item }) => !ok && item?.fence === 1))
    records.close()
  })
})
