/** What a session of DuckDB is told beforehand, seen by what it does. */
import assert from 'node:assert/strict'
import { copyFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { openSession } from '../../worker/duckdb/session.ts'
import { recordsIn } from '../../worker/duckdb/write.ts'
import { openScratch } from '../../worker/scratch.ts'

test('a file that is written anew under its name, of the same size and within a second, is read anew', async () => {
  const scratch = await openScratch()
  const session = await openSession({ scratch, memoryMiB: 512, vcpus: 1 })
  try {
    const [one, other, file] = ['one', 'other', 'file'].map(name => path.join(scratch.dir, `${name}.parquet`))
    assert.ok(one && other && file)
    for (const [target, rows] of [
      [one, 100],
      [other, 101],
    ] as const) {
      await session.run(`COPY (SELECT 7 AS a FROM range(${rows})) TO '${target}' (FORMAT parquet)`)
    }
    const output = { format: 'parquet' } as Parameters<typeof recordsIn>[2]
    for (const [content, rows] of [
      [one, 100],
      [other, 101],
      [one, 100],
    ] as const) {
      copyFileSync(content, file)
      assert.equal(await recordsIn(session, file, output), rows)
      assert.deepEqual(await session.rows(`SELECT count(*)::INTEGER FROM read_parquet('${file}')`), [[rows]])
    }
  } finally {
    session.close()
    await scratch.remove()
  }
})
