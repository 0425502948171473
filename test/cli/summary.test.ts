import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunReport } from '../../cli/report.ts'
import { summaryText } from '../../cli/summary.ts'
import { RunState } from '../../shared/vocabulary.ts'

const report: RunReport = {
  runId: 'r',
  pipeline: 'sales',
  status: RunState.SUCCEEDED,
  source: 's3://drops/_manifests/sales/a.json',
  rounds: 1,
  partitions: 2,
  retried: 0,
  recordsRead: 3,
  recordsWritten: 3,
  recordsRejected: 0,
  outputs: [],
  rejects: [],
  certificate: null,
  failure: null,
  retries: [],
}

test('a run of a list says how many objects it has, and how their columns differ from the pipeline’s', () => {
  const objects = { count: 2000, bytes: 3 * 1024 ** 2 }
  const text = summaryText(
    { ...report, objects, drift: { unknown: ['new', 'other'], lacking: ['old'] } },
    'local',
  )
  assert.match(text, /^objects +2,000 of 3\.\d MiB in all$/m)
  assert.match(text, /^drift +not in the pipeline: new, other; not in the file: old$/m)
})

test('a run of one object that has the columns of its pipeline says nothing of either', () => {
  assert.doesNotMatch(summaryText(report, 'local'), /objects|drift/)
})

test('a run that failed is to be retried only where that can help: not where it would meet the same file again', () => {
  const ended = (code: string, stage = 'local'): string =>
    summaryText({ ...report, status: RunState.FAILED, failure: { code, words: 'w', remedy: 'r' } }, stage)
  assert.match(ended('TEMPORARY'), /^go on +npx millrace retry r$/m)
  assert.match(ended('TEMPORARY', 'dev'), /^go on +npx millrace retry r --stage dev$/m)
  assert.match(ended('BAD_INPUT'), /^go on +npx millrace reject list r$/m)
  for (const code of ['BAD_INPUT', 'SOURCE_CHANGED']) assert.doesNotMatch(ended(code), /retry/)
})
