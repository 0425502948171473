import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'csv-parse/sync'
import type { RunDocument } from '../../shared/documents.ts'
import type { Objects } from '../../shared/ports.ts'
import { formatOf } from '../../worker/read/format.ts'
import { readPartition } from '../../worker/read/partition.ts'
import { Rejects } from '../../worker/read/rejects.ts'
import { Spool } from '../../worker/read/spool.ts'
import { tallyCuts } from './cuts.ts'
import { rowsOf } from './partitioned.ts'
import type { RandomFile } from './random-file.ts'

test('thousands of random cuts of random files change no record, whatever dialect and encoding', async () => {
  const { differences, cuts, files, wrongGuesses } = await tallyCuts(25_000, 20261121)
  assert.deepEqual(differences, [])
  assert.ok(cuts >= 25_000 && files > 20)
  assert.ok(wrongGuesses > 100, 'cuts that mislead nobody prove little')
})

test('a thousand random cuts of random files made of members and frames change no record', async () => {
  const { differences, cuts } = await tallyCuts(1000, 11, 1)
  assert.deepEqual(differences, [])
  assert.ok(cuts >= 1000)
})

test('a random file read whole has the very records that were written, and that csv-parse finds', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-cuts-'))
  try {
    let checked = 0
    const tally = await tallyCuts(2500, 3, 0, async (file, run, objects) => {
      const rows = await readWhole(dir, run, objects)
      assert.deepEqual(rows, file.rows)
      if (file.layout.csv) assert.deepEqual(serially(file), file.rows)
      checked++
    })
    assert.equal(checked, tally.files)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

async function readWhole(dir: string, run: RunDocument, objects: Objects) {
  const format = formatOf(run)
  const assignment = { partition: 0, start: 0, end: run.dataEnd }
  const spool = new Spool(join(dir, 'spool'), format.dialect)
  const rejects = new Rejects(join(dir, 'rejects'), 0, run)
  try {
    await readPartition({ objects, run, assignment, format }, spool, rejects)
    assert.equal(rejects.count, 0)
    return rowsOf(readFileSync(spool.file), format.dialect)
  } finally {
    spool.close()
    rmSync(spool.file)
    rmSync(rejects.file, { force: true })
  }
}

/** Not those with a `#` in a quoted field behind a newline: csv-parse takes that for a comment. */
function serially({ content, layout, rows }: RandomFile) {
  const { delimiter = ',', quote = '"', escape: escaping = quote, comment } = layout.csv ?? {}
  if (comment && rows.some(row => row.some(field => field?.includes(comment)))) return rows
  const text =
    layout.encoding === 'latin-1'
      ? content.toString('latin1')
      : new TextDecoder(layout.encoding).decode(content)
  return parse(text, {
    delimiter,
    quote,
    escape: escaping,
    ...(comment ? { comment, comment_no_infix: true } : {}),
    record_delimiter: ['\r\n', '\n'],
    skip_empty_lines: true,
    cast: (value, { quoting }) => (value === '' && !quoting ? null : value),
  })
}
