/** On which line of its object a rejected record stands: partitions count the lines of their own only. */
import type { Assignment, RejectedRecord, RunDocument } from '../shared/documents.ts'
import type { PartitionPlan } from '../shared/partition-plan.ts'
import type { PartitionRecord } from '../shared/records.ts'

export class ObjectLines {
  readonly #document: RunDocument
  readonly #plan: PartitionPlan
  /** Lines of all places before, in the order of the source. */
  readonly #before: number[] = [0]
  /** How many of the places before have no count. */
  readonly #unknown: number[] = [0]

  constructor(document: RunDocument, plan: PartitionPlan, partitions: readonly PartitionRecord[]) {
    this.#document = document
    this.#plan = plan
    const lines = new Map(partitions.map(({ partition, report }) => [partition, report?.lines]))
    for (let place = 0; place < plan.count; place++) {
      const count = lines.get(plan.taskAt(place))
      this.#before.push((this.#before[place] ?? 0) + (count ?? 0))
      this.#unknown.push((this.#unknown[place] ?? 0) + (count === undefined ? 1 : 0))
    }
  }

  /** From 1; `undefined` where not all that stands before it was read, or it has no line. */
  lineOf({ partition, line }: Pick<RejectedRecord, 'partition' | 'line'>): number | undefined {
    if (line === undefined) return undefined
    const place = this.#plan.placeOf(partition)
    const first = this.#firstOfObject(place)
    if (this.#unknown[place] !== this.#unknown[first]) return undefined
    const lines = (this.#before[place] ?? 0) - (this.#before[first] ?? 0)
    const { layout } = this.#document
    // Of many objects, the worker has counted what stands before the first record.
    return (layout.space === 'objects' ? 0 : (layout.skipLines ?? 0)) + lines + line
  }

  /** Partitions of one object of a list follow one another. */
  #firstOfObject(place: number): number {
    if (this.#document.layout.space !== 'objects') return 0
    const planned = (at: number): Assignment => this.#plan.planned(this.#plan.taskAt(at))
    const { objectStart = planned(place).start } = planned(place)
    let first = place
    while (first > 0 && planned(first).start > objectStart) first--
    return first
  }
}
