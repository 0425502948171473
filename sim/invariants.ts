/**
 * The promises that can be read from the state, held against every single write as it happens. What breaks one is
 * written down, not thrown, so that the story goes on as it would and every breach is seen.
 */
import { type JobTie, parseJobName } from '../shared/jobname.ts'
import { isOpen, partitionTable, roundTable, runTable } from '../shared/lifecycle.ts'
import type { Chat, Clock, JobRequest, Jobs, Records } from '../shared/ports.ts'
import type { PartitionRecord, RoundRecord, RunRecord } from '../shared/records.ts'
import { fromItem, recordKeys } from '../shared/records.ts'
import type { Item, Outcome, RecordKey } from '../shared/table.ts'
import { PartitionState, RoundState, RunState } from '../shared/vocabulary.ts'

/** `from>to` of every move a table allows. */
function edges(table: Record<string, Record<string, string | undefined>>): Set<string> {
  return new Set(
    Object.entries(table).flatMap(([from, row]) =>
      Object.values(row).flatMap(to => (to === undefined ? [] : [`${from}>${to}`])),
    ),
  )
}

const runEdges = edges(runTable)
const roundEdges = edges(roundTable)
const partitionEdges = edges(partitionTable)
const firstStates: readonly RunState[] = [RunState.PLANNED, RunState.REFUSED]

/** The fence in the name of an output. */
const attemptOf = (key: string): number => Number(/-\d+-(\d+)(?:-\d+)?\.[a-z.]+$/.exec(key)?.[1])

export class Invariants {
  readonly broken: string[] = []
  /** How often each run was retried: that it fails again, and as before, is news. */
  readonly retried = new Map<string, number>()
  /** How often each text was said of each run. */
  readonly said = new Map<string, number>()
  readonly #records: Records
  readonly #clock: Clock
  readonly #earlyMs: number

  /** @param earlyMs by how much a job may be early: whoever submits it has a clock of its own */
  constructor(records: Records, clock: Clock, earlyMs = 0) {
    this.#records = records
    this.#clock = clock
    this.#earlyMs = earlyMs
  }

  breach(promise: string, what: string): void {
    this.broken.push(`${promise}: ${what}`)
  }

  records(): Records {
    const base = this.#records
    const seen = async (key: RecordKey, write: () => Promise<Outcome>): Promise<Outcome> => {
      const before = await base.get(key)
      const outcome = await write()
      if (outcome.ok) this.#moved(before, outcome.item)
      return outcome
    }
    return {
      ...base,
      put: (item, guard) => seen(item, () => base.put(item, guard)),
      update: (key, change, guard) => seen(key, () => base.update(key, change, guard)),
    }
  }

  /** Jobs that are submitted while their run is open, and not before their round is due. */
  jobs(base: Jobs): Jobs {
    const submit = async (request: JobRequest): Promise<{ jobId: string }> => {
      await this.#submitted(request)
      return base.submit(request)
    }
    return new Proxy(base, {
      get: (target, name) => {
        if (name === 'submit') return submit
        const found: unknown = Reflect.get(target, name)
        return typeof found === 'function' ? found.bind(target) : found
      },
    })
  }

  /** The same words of the same run once, and every later word in the thread of the first. */
  chat(base: Chat): Chat {
    return {
      post: async message => {
        const posted = await base.post(message)
        const [, runId = ''] = /Run `([^`]+)`/.exec(JSON.stringify(message.blocks)) ?? []
        if (runId === '') this.breach('Said once', 'a message names no run')
        const item = await this.#records.get(recordKeys.run(runId))
        const { thread } = item ? fromItem<RunRecord>(item) : {}
        const words = `${runId} ${message.text}`
        const times = this.said.get(words) ?? 0
        this.said.set(words, times + 1)
        if (thread !== undefined && thread.ts !== message.threadTs && times === 0)
          this.breach('Said once', `${runId} has two threads`)
        return posted
      },
    }
  }

  #moved(before: Item | undefined, after: Item): void {
    if (after.sk === 'RUN') this.#runMoved(before && fromItem(before), fromItem(after))
    else if (after.sk.startsWith('ROUND#')) this.#roundMoved(before && fromItem(before), fromItem(after))
    else if (after.sk.startsWith('PART#')) this.#partitionMoved(before && fromItem(before), fromItem(after))
  }

  #runMoved(before: RunRecord | undefined, after: RunRecord): void {
    const name = `run ${after.runId}`
    if (before === undefined) {
      if (!firstStates.includes(after.state)) this.breach('Monotone', `${name} begins as ${after.state}`)
      return
    }
    this.#edge(name, runEdges, before.state, after.state)
    if (!isOpen(before.state) && isOpen(after.state))
      this.retried.set(after.runId, (this.retried.get(after.runId) ?? 0) + 1)
    if (after.round < before.round) this.breach('Monotone', `${name} goes back to round ${after.round}`)
    if (after.state === RunState.WAITING && before.state !== after.state && after.round === before.round)
      this.breach('Monotone', `${name} waits for the round it was in`)
    if (after.round > before.round + 1) this.breach('Monotone', `${name} skips to round ${after.round}`)
    if (before.alertedAt !== undefined && after.alertedAt === undefined)
      this.breach('Said once', `${name} forgets that a person was alerted`)
  }

  #roundMoved(before: RoundRecord | undefined, after: RoundRecord): void {
    const name = `round ${after.round} of ${after.runId}`
    if (before === undefined) {
      if (after.state !== RoundState.WAITING) this.breach('Monotone', `${name} begins as ${after.state}`)
      return
    }
    this.#edge(name, roundEdges, before.state, after.state)
    if (before.partitions !== after.partitions) this.breach('Only the failed', `${name} changes its size`)
  }

  #partitionMoved(before: PartitionRecord | undefined, after: PartitionRecord): void {
    const name = `partition ${after.partition} of ${after.runId}`
    const from = before?.state ?? PartitionState.PLANNED
    this.#edge(name, partitionEdges, from, after.state)
    if (after.fence < (before?.fence ?? 0)) this.breach('Monotone', `the fence of ${name} shrinks`)
    if (after.round < (before?.round ?? 0)) this.breach('Monotone', `${name} goes back a round`)
    const claims = (after.claims ?? []).length - (before?.claims ?? []).length
    const failures = (after.failures ?? []).length - (before?.failures ?? []).length
    if (claims < 0 || failures < 0) this.breach('Monotone', `${name} forgets its past`)
    if (claims > 0 && after.fence !== (before?.fence ?? 0) + claims)
      this.breach('Once', `a claim of ${name} does not raise the fence`)
    if ((after.state === PartitionState.SUCCEEDED) !== (after.report !== undefined))
      this.breach('Conservation', `${name} is ${after.state}, its report is ${typeof after.report}`)
    for (const { key } of after.report?.outputs ?? [])
      if (attemptOf(key) !== after.fence)
        this.breach('Once', `${name} is held by attempt ${after.fence}, and names ${key}`)
    const takenBack = after.failures?.at(-1)?.code === 'MISCUT' && claims === 0
    if (from === PartitionState.SUCCEEDED && !takenBack)
      this.breach('Only the failed', `${name} had SUCCEEDED and is worked again`)
  }

  #edge(name: string, allowed: Set<string>, from: string, to: string): void {
    if (from !== to && !allowed.has(`${from}>${to}`))
      this.breach('Monotone', `${name} moves from ${from} to ${to}`)
  }

  async #submitted({ name }: JobRequest): Promise<void> {
    const tie: JobTie | undefined = parseJobName(name)
    if (tie === undefined) return this.breach('Nothing orphaned', `job ${name} is tied to no run`)
    const run = await this.#records.get(recordKeys.run(tie.runId))
    const round = await this.#records.get(recordKeys.round(tie.runId, tie.round))
    if (!run || !isOpen(fromItem<RunRecord>(run).state))
      this.breach('Nothing orphaned', `job ${name} is submitted for a run that is not open`)
    if (!round || fromItem<RoundRecord>(round).dueAt > this.#clock.now() + this.#earlyMs)
      this.breach('Every run ends', `job ${name} is submitted before its round is due`)
  }
}
