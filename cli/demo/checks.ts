/** What the demo claims, each held against what the run says of itself. Pure. */

import { RunState } from '../../shared/vocabulary.ts'
import type { RunReport } from '../report.ts'
import { reclaimedPartition, throttledPartition } from './mishaps.ts'

export interface Check {
  holds: boolean
  words: string
}

export function checksOf(report: RunReport, records: number, slackMessages: number, equal: boolean): Check[] {
  const had = (partition: number, code: string): boolean =>
    report.retries.some(retry => retry.partition === partition && retry.code === code)
  return [
    {
      holds: report.status === RunState.SUCCEEDED && report.certificate !== null,
      words: 'the run succeeded, with a certificate',
    },
    {
      holds: had(reclaimedPartition, 'SPOT_RECLAIMED'),
      words: `partition ${reclaimedPartition} was reclaimed and worked again`,
    },
    {
      holds: had(throttledPartition, 'TEMPORARY'),
      words: `partition ${throttledPartition} failed for a while and was worked again`,
    },
    { holds: report.retried === 2, words: 'only those two were worked more than once' },
    {
      holds:
        report.recordsRead === records && report.recordsWritten === records && report.recordsRejected === 0,
      words: 'every record was read once and written once, none was rejected',
    },
    { holds: slackMessages === 1, words: 'Slack was told once' },
    { holds: equal, words: 'the published table and the original answer alike' },
  ]
}
