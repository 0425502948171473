/** The nodes of a multi-node parallel job: on one machine, processes beside the main one. */
import type { ChildProcess } from 'node:child_process'
import type { RunningAttempt } from './attempt.ts'
import type { Batch } from './batch.ts'
import { identityOf, killGroup } from './process.ts'
import type { JobSpec } from './spec.ts'

const mainNode = 0

export const nodeId = (jobId: string, node: number): string => `${jobId}#${node}`

export function otherNodes({ nodes = 1 }: JobSpec): number[] {
  return Array.from({ length: nodes }, (_, node) => node).filter(node => node !== mainNode)
}

/** None for a job of one node. Source: job environment variables, user guide. */
export function nodeVariables({ nodes }: JobSpec, jobId: string, node = mainNode): Record<string, string> {
  if (nodes === undefined) return {}
  return {
    AWS_BATCH_JOB_ID: nodeId(jobId, node),
    AWS_BATCH_JOB_NODE_INDEX: String(node),
    AWS_BATCH_JOB_MAIN_NODE_INDEX: String(mainNode),
    AWS_BATCH_JOB_NUM_NODES: String(nodes),
    ...(node === mainNode ? {} : { AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS: '127.0.0.1' }),
  }
}

/** How they end is theirs: the job ends when its main node does, and then with all of them. */
export function keepOthers(batch: Batch, running: RunningAttempt, others: readonly ChildProcess[]): void {
  const { jobId, attempt } = running
  for (const [at, { pid }] of others.entries()) {
    if (pid === undefined) continue
    const sql = 'INSERT OR REPLACE INTO nodes (jobId, attempt, node, pid, pidIdentity) VALUES (?, ?, ?, ?, ?)'
    batch.db.run(sql, jobId, attempt, mainNode + 1 + at, pid, identityOf(pid) ?? null)
  }
  for (const child of others) {
    child.once('error', error => batch.log.warn('a node cannot be started', { jobId, error }))
  }
  running.endOthers = () => {
    // A number that is free again may be somebody else's by now.
    for (const { pid, exitCode, signalCode } of others)
      if (pid !== undefined && exitCode === null && signalCode === null) killGroup(pid)
    batch.db.run('DELETE FROM nodes WHERE jobId = ?', jobId)
  }
}

/** What an earlier server has left of them. */
export function endLostNodes(batch: Batch): void {
  const lost = batch.db.all<{ pid: number; pidIdentity: string | null }>('SELECT pid, pidIdentity FROM nodes')
  for (const { pid, pidIdentity } of lost)
    if (pidIdentity !== null && identityOf(pid) === pidIdentity) killGroup(pid)
  batch.db.run('DELETE FROM nodes')
}
