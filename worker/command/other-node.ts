/** A node of a multi-node job beside the main one: runs the same command, and touches no record and no object. */
import { environment } from '../../shared/config.ts'
import type { RunDocument } from '../../shared/documents.ts'
import { exitCodes } from '../../shared/failure.ts'
import { isCommand } from '../../shared/pipeline/work.ts'
import { Stage } from '../../shared/vocabulary.ts'
import type { WorkerLog } from '../log.ts'
import { openScratch } from '../scratch.ts'
import { runCommand } from './supervise.ts'
import { variablesBeside } from './variables.ts'

export interface Beside {
  run: RunDocument
  /** Of the main node's partition. */
  partition: number
  stage: Stage
  scratchParent?: string | undefined
  log: WorkerLog
  /** Aborted: it is to stop. */
  signal?: AbortSignal | undefined
}

/**
 * Its stdin is at its end, what it prints goes nowhere; it speaks to the main node by the addresses that Batch gives.
 * @returns its own exit code. Errors: WORK_FAILED where it cannot be started.
 */
export async function workBeside({
  run,
  partition,
  stage,
  scratchParent,
  log,
  signal,
}: Beside): Promise<number> {
  const { work } = run.pipeline
  if (stage !== Stage.work || !isCommand(work) || work.command.length === 0) return exitCodes.done
  const scratch = await openScratch(scratchParent)
  try {
    const end = await runCommand({
      command: work.command,
      cwd: scratch.out,
      env: variablesBeside(environment(), run, partition),
      given: nothing(),
      onStderr: line => log.info('command', { stderr: line }),
      signal,
    })
    log.info('node ended', { exitCode: end.exitCode, killedBy: end.killedBy })
    return end.exitCode ?? exitCodes.failed
  } finally {
    await scratch.remove()
  }
}

async function* nothing(): AsyncGenerator<Buffer> {}
