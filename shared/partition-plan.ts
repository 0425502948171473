/** What each partition of a run was planned to read, in the order of the source, whatever was cut since. Pure. */
import type { Assignment, Resplit, RunDocument } from './documents.ts'
import { cut } from './plan.ts'

export class PartitionPlan {
  /** With those that resplits have added. */
  readonly count: number
  readonly #planned: (task: number) => Assignment
  /** Of partitions that were cut, and of what they were cut into. */
  readonly #cut = new Map<number, Assignment>()
  readonly #first = new Map<number, Assignment>()
  readonly #depths = new Map<number, number>()
  /** Numbers in the order of the source, and back; absent: they are that order. */
  readonly #order: number[] | undefined
  readonly #places: Map<number, number> | undefined

  /**
   * @param resplits in the order in which they were made
   * @param planned round 1's, where no arithmetic cuts the partitions
   */
  constructor(
    document: RunDocument,
    resplits: readonly Resplit[] = [],
    planned?: ReadonlyMap<number, Assignment>,
  ) {
    this.#planned = task => planned?.get(task) ?? cut(document, task)
    this.count = resplits.reduce((count, { shares }) => count + shares, document.partitions)
    if (resplits.length === 0) return
    const behind = new Map<number, number[][]>()
    for (const resplit of resplits) {
      this.#apply(resplit)
      const shares = sharesOf(resplit)
      // What was cut off later lies nearer to the partition.
      behind.set(resplit.partition, [shares, ...(behind.get(resplit.partition) ?? [])])
    }
    this.#order = inOrder(document.partitions, behind)
    this.#places = new Map(this.#order.map((task, place) => [task, place]))
  }

  /** What it is to read, without what was found out about where it starts. */
  planned(task: number): Assignment {
    return this.#cut.get(task) ?? this.#planned(task)
  }

  /** What it is told at first. */
  first(task: number): Assignment {
    return this.#first.get(task) ?? this.planned(task)
  }

  /** How often what it was cut from had been cut for want of memory or time. */
  depth(task: number): number {
    return this.#depths.get(task) ?? 0
  }

  taskAt(place: number): number {
    return this.#order?.[place] ?? place
  }

  placeOf(task: number): number {
    return this.#places?.get(task) ?? task
  }

  /** In the order of the source; what an interrupted settle had added, and its round then did not, is left out. */
  inOrder<Row extends { partition: number }>(rows: readonly Row[]): Row[] {
    return rows
      .filter(({ partition }) => partition < this.count)
      .toSorted((a, b) => this.placeOf(a.partition) - this.placeOf(b.partition))
  }

  #apply(resplit: Resplit): void {
    const { partition, at, end, first, shares, depth, objectStart, hint } = resplit
    this.#cut.set(partition, { ...this.planned(partition), end: at })
    const told = this.#first.get(partition)
    if (told) this.#first.set(partition, { ...told, end: at })
    this.#depths.set(partition, depth)
    for (let share = 0; share < shares; share++) {
      const start = at + Math.floor(((end - at) * share) / shares)
      const planned = {
        partition: first + share,
        start,
        end: at + Math.floor(((end - at) * (share + 1)) / shares),
        ...(objectStart === undefined || share > 0 ? {} : { objectStart }),
      }
      this.#cut.set(planned.partition, planned)
      this.#first.set(planned.partition, { ...planned, ...hintOf(hint, share) })
      this.#depths.set(planned.partition, depth)
    }
  }
}

function hintOf(hint: Resplit['hint'], share: number): Resplit['hint'] {
  return share === 0 || hint?.exactStart === undefined ? hint : undefined
}

function sharesOf({ first, shares }: Resplit): number[] {
  return Array.from({ length: shares }, (_, share) => first + share)
}

function inOrder(partitions: number, behind: ReadonlyMap<number, number[][]>): number[] {
  const order: number[] = []
  const rest = Array.from({ length: partitions }, (_, at) => partitions - 1 - at)
  for (let task = rest.pop(); task !== undefined; task = rest.pop()) {
    order.push(task)
    rest.push(...(behind.get(task) ?? []).flat().toReversed())
  }
  return order
}
