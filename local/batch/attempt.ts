/** One attempt: a real process with Batch's environment, its output in a file. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import path from 'node:path'
import { JobStatus } from '../../shared/vocabulary.ts'
import { setAlarm } from './alarm.ts'
import { endAttempt } from './attempt-end.ts'
import { type Batch, change } from './batch.ts'
import { type InterferenceRow, takeInterferences } from './interfere.ts'
import { metadataUrlFor } from './metadata.ts'
import { computeEnvironment, logStreamName, newInstance, newTask } from './names.ts'
import { keepOthers, nodeId, nodeVariables, otherNodes } from './nodes.ts'
import { identityOf, killGroup } from './process.ts'
import { findJob, type JobRow, submissionOf } from './rows.ts'
import { scratchFor } from './scratch.ts'
import { initializationError, secretsFor } from './secrets.ts'
import type { JobSpec } from './spec.ts'
import { killAfterMs, reclaimAttempt, stopAttempt } from './stop-attempt.ts'
import { begunStatuses, move } from './transitions.ts'

/** Why the server ended it; a process may also end of itself. */
export type EndedBy = 'reclaim' | 'timeout' | 'termination'

export interface RunningAttempt {
  jobId: string
  attempt: number
  /** What it holds of the machine. */
  vcpus: number
  memoryMiB: number
  startedAt: number
  pid?: number
  endedBy?: EndedBy
  /** Epoch ms: its instance shuts down, and says so until then. */
  goesAt?: number
  /** Calls off what was to be done later. */
  callOff: (() => void)[]
  /** Of a multi-node job: ends the nodes beside the main one. */
  endOthers?: () => void
  /** The process has ended, or never began. */
  gone: Promise<void>
}

/** `vcpus`: what it is given, at most what the machine has. */
export function startAttempt(batch: Batch, job: JobRow, vcpus: number): void {
  const { spec } = submissionOf(batch, job)
  const attempt = job.attempts + 1
  const interferences = change(batch, () => begin(batch, job, attempt))
  const { promise: gone, resolve: isGone } = Promise.withResolvers<void>()
  const running: RunningAttempt = {
    gone,
    jobId: job.jobId,
    attempt,
    vcpus,
    memoryMiB: spec.memoryMiB,
    startedAt: batch.clock.now(),
    callOff: [],
  }
  batch.running.set(job.jobId, running)
  const child = tryLaunch(batch, job, running, interferences)
  child?.once('exit', isGone).once('error', isGone)
  if (child) follow(batch, running, child, spec, interferences)
  else isGone()
}

function tryLaunch(
  batch: Batch,
  job: JobRow,
  running: RunningAttempt,
  interferences: InterferenceRow[],
): ChildProcess | undefined {
  try {
    const { spec } = submissionOf(batch, job)
    const env = environmentOf(batch, job, running.attempt, interferences)
    const launchNode = (node?: number): ChildProcess =>
      launch(batch, job, { ...env, ...nodeVariables(spec, job.jobId, node) }, node)
    const main = launchNode()
    if (spec.nodes !== undefined) keepOthers(batch, running, otherNodes(spec).map(launchNode))
    return main
  } catch (error) {
    failedToStart(batch, running, error)
    return undefined
  }
}

function begin(batch: Batch, job: JobRow, attempt: number): InterferenceRow[] {
  batch.db.run(
    'INSERT INTO attempts (jobId, attempt, instance, task, logStream) VALUES (?, ?, ?, ?, ?)',
    job.jobId,
    attempt,
    newInstance(),
    newTask(),
    logStreamName(job.jobId, attempt),
  )
  move(batch, job, { status: JobStatus.STARTING })
  return takeInterferences(batch, job)
}

function environmentOf(
  batch: Batch,
  job: JobRow,
  attempt: number,
  interferences: InterferenceRow[],
): Record<string, string> {
  const { spec } = submissionOf(batch, job)
  const parent = job.parent === null ? undefined : findJob(batch, job.parent)
  return {
    ...batch.machine.baseEnvironment,
    ...Object.fromEntries(spec.environment.map(({ name, value }) => [name, value])),
    ...secretsFor(batch.machine, spec),
    ...Object.assign({}, ...interferences.map(row => JSON.parse(row.environment) as Record<string, string>)),
    ...scratchFor(batch, job.jobId, attempt),
    AWS_EC2_METADATA_SERVICE_ENDPOINT: metadataUrlFor(batch, job.jobId, attempt),
    AWS_BATCH_JOB_ID: job.jobId,
    AWS_BATCH_JOB_ATTEMPT: String(attempt),
    AWS_BATCH_CE_NAME: computeEnvironment,
    AWS_BATCH_JQ_NAME: job.queue,
    ...(job.arrayIndex === null ? {} : { AWS_BATCH_JOB_ARRAY_INDEX: String(job.arrayIndex) }),
    ...(parent ? { AWS_BATCH_JOB_ARRAY_SIZE: String(parent.arraySize) } : {}),
  }
}

/** Throws where there is nothing to run; a program that does not exist says so by an `error` event. */
function launch(batch: Batch, job: JobRow, env: Record<string, string>, node?: number): ChildProcess {
  const [program = '', ...words] = submissionOf(batch, job).spec.command
  const who = node === undefined ? job.jobId : nodeId(job.jobId, node)
  const logFile = path.join(batch.machine.logsDir, logStreamName(who, job.attempts + 1))
  mkdirSync(path.dirname(logFile), { recursive: true })
  const output = openSync(logFile, 'a')
  try {
    // A group of its own, so that whatever it starts can be ended with it.
    const stdio = ['ignore' as const, output, output]
    return spawn(program, words, { cwd: batch.machine.cwd, env, stdio, detached: true, windowsHide: true })
  } finally {
    closeSync(output)
  }
}

function follow(
  batch: Batch,
  running: RunningAttempt,
  child: ChildProcess,
  spec: JobSpec,
  interferences: InterferenceRow[],
): void {
  child.once('error', error => failedToStart(batch, running, error))
  if (child.pid === undefined) return
  const pid = child.pid
  running.pid = pid
  child.once('exit', (code, signal) => {
    // What the main process leaves behind goes with its container.
    killGroup(pid)
    running.endOthers?.()
    endAttempt(batch, running, { code, signal })
  })
  change(batch, () => recordStart(batch, running, pid))
  if (spec.timeoutSeconds !== undefined) timeOutAfter(batch, running, spec.timeoutSeconds * 1000)
  for (const row of interferences) reclaimAsAsked(batch, running, row)
}

function failedToStart(batch: Batch, running: RunningAttempt, error: unknown): void {
  const words = error instanceof Error ? error.message : String(error)
  running.endOthers?.()
  const notStarted = words.startsWith(initializationError) ? words : `CannotStartContainerError: ${words}`
  endAttempt(batch, running, { notStarted })
}

function recordStart(batch: Batch, running: RunningAttempt, pid: number): void {
  const job = findJob(batch, running.jobId)
  if (!job || !begunStatuses.includes(job.status)) return
  batch.db.run(
    'UPDATE attempts SET pid = ?, pidIdentity = ?, startedAt = ? WHERE jobId = ? AND attempt = ?',
    pid,
    identityOf(pid) ?? null,
    running.startedAt,
    running.jobId,
    running.attempt,
  )
  move(batch, job, { status: JobStatus.RUNNING, startedAt: running.startedAt, stoppedAt: null })
}

function timeOutAfter(batch: Batch, running: RunningAttempt, ms: number): void {
  running.callOff.push(
    setAlarm(batch.clock, running.startedAt + ms, () => stopAttempt(batch, running, 'timeout', killAfterMs)),
  )
}

function reclaimAsAsked(batch: Batch, running: RunningAttempt, row: InterferenceRow): void {
  if (row.reclaimAfterMs === null) return
  const reclaim = (): void => reclaimAttempt(batch, running, row.noticeMs)
  running.callOff.push(setAlarm(batch.clock, running.startedAt + row.reclaimAfterMs, reclaim))
}
