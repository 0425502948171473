/** Nothing fails without a cause: what records say of failures, held against the troubles that struck. */
import { partitionsOf, tasksBeside } from '../functions/steps/gather.ts'
import { type FailureRule, failureRules } from '../shared/failure.ts'
import type { PartitionRecord, RunRecord } from '../shared/records.ts'
import { runsOf } from './acts.ts'
import type { Troubles } from './faults.ts'
import type { MemoryHouse } from './memory-house.ts'
import type { Story } from './story.ts'

/** Such a trouble meets the partition of every run, and twice where a round is submitted twice. */
const attemptsPerFate = 3

export async function failuresWithoutCause(
  house: MemoryHouse,
  story: Story,
  troubles: Troubles,
): Promise<string[]> {
  const broken: string[] = []
  const late = comesLate(story)
  let counted = 0
  const runs = await runsOf(house)
  for (const run of runs) {
    for (const task of await tasksOf(house, run)) {
      if (!late)
        broken.push(
          ...takenBack(run, task, troubles),
          ...saidTwice(run, task),
          ...triedTooOften(house, run, task),
        )
      counted += (task.failures ?? []).filter(({ code }) => isCounted(code)).length
    }
  }
  broken.push(...runs.flatMap(endedForNothing))
  const causes =
    (troubles.struck.get('worker') ?? 0) + attemptsPerFate * runs.length * troubles.of('work').length
  if (counted > causes && !hasOtherCauses(story))
    broken.push(`Only the failed: ${counted} failures are counted, ${causes} were caused`)
  return broken
}

async function tasksOf({ ports }: MemoryHouse, run: RunRecord): Promise<PartitionRecord[]> {
  return [...(await partitionsOf(ports, run)), ...(await tasksBeside(ports, run))]
}

const isCounted = (code: keyof typeof failureRules): boolean => {
  const rule: FailureRule = failureRules[code]
  return rule.costsAttempt
}

/** The worker's own word and Batch's are of one and the same failure; Batch may start a job's child anew. */
function saidTwice(
  { runId }: RunRecord,
  { partition, failures = [], claims = [] }: PartitionRecord,
): string[] {
  const jobs = new Set(failures.flatMap(({ jobId, fence }) => (fence === 0 ? (jobId ?? []) : [])))
  return [...jobs]
    .filter(job => countOf(failures, job) > Math.max(1, countOf(claims, job)))
    .map(job => `Once: partition ${partition} of ${runId} has failed more often than it was tried in ${job}`)
}

function countOf(rows: readonly { jobId?: string }[], job: string): number {
  return rows.filter(({ jobId }) => jobId === job).length
}

/** What nothing ever ends a run for: machines, guesses, and rounds without end. */
const noReasons: readonly string[] = ['SPOT_RECLAIMED', 'MISCUT', 'SUPERSEDED', 'ROUNDS_EXHAUSTED']

function endedForNothing({ runId, state, failure }: RunRecord): string[] {
  if (failure === undefined || !noReasons.includes(failure.code)) return []
  return [`Every run ends: ${runId} is ${state} for ${failure.code}`]
}

/** Lines need no guesses: who was taken back had been told or given something wrong. */
function takenBack(
  { runId }: RunRecord,
  { partition, failures = [] }: PartitionRecord,
  troubles: Troubles,
): string[] {
  const guessed = troubles.of('work').some(({ misfortune }) => misfortune.kind === 'starts wrong')
  if (guessed || !failures.some(({ code }) => code === 'MISCUT')) return []
  return [`Only the failed: partition ${partition} of ${runId} had SUCCEEDED and was worked again`]
}

/** As often as its pipeline says, and once with care; since a person has last forgiven it. */
function triedTooOften(
  house: MemoryHouse,
  run: RunRecord,
  { partition, failures = [] }: PartitionRecord,
): string[] {
  const { attempts } = house.pipelines.find(({ name }) => name === run.pipeline)?.retry ?? { attempts: 0 }
  const since = run.forgivenRound ?? 0
  const rounds = new Set(
    failures.filter(({ code, round }) => isCounted(code) && round > since).map(({ round }) => round),
  )
  if (rounds.size <= attempts + 1) return []
  return [
    `Every run ends: partition ${partition} of ${run.runId} failed in ${rounds.size} rounds of ${attempts}`,
  ]
}

/** A worker that Batch holds for ended goes on: it may try once more than anybody asked it to. */
export function comesLate({ acts, faults }: Story): boolean {
  if (acts.some(({ kind }) => kind === 'cancel')) return true
  return faults.some(
    fault =>
      fault.kind === 'process' && (fault.trouble.kind === 'freezes' || fault.trouble.kind === 'lingers'),
  )
}

/** Files that are bad or change, jobs that find no machine or are forgotten: whole arrays fail of one of these. */
function hasOtherCauses({ acts, faults }: Story): boolean {
  const drops = acts.flatMap(act => (act.kind === 'drop' ? [act] : []))
  const changes = new Set(drops.map(({ key }) => key)).size < drops.length
  const others = acts.some(({ kind }) => kind !== 'drop' && kind !== 'retry')
  return changes || others || drops.some(({ mark }) => mark) || faults.some(({ kind }) => kind === 'stuck')
}
