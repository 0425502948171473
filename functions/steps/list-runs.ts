/** Objects that were loaded by a list: its pages are their ledger. */
import { better, type Finding, standingOf } from '../../shared/audit.ts'
import { epochMs } from '../../shared/clock.ts'
import { type RunDocument, stateKeys } from '../../shared/documents.ts'
import { isError } from '../../shared/errors.ts'
import type { PlacedObject } from '../../shared/plan/objects.ts'
import { fromItem, type RunRecord } from '../../shared/records.ts'
import { manifestsPrefix } from '../../shared/reserved.ts'
import { RunState } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import { readDocument } from './documents.ts'
import { pagesOfList } from './object-list.ts'

type Needs = World<'objects' | 'records'>

type ListRun = Pick<RunRecord, 'runId' | 'state' | 'createdAt'>

export class ListRuns {
  readonly #world: Needs
  readonly #pipeline: string
  #runs: Promise<ListRun[]> | undefined

  constructor(world: Needs, pipeline: string) {
    this.#world = world
    this.#pipeline = pipeline
  }

  /** @returns the findings, in their order, each with the run of the list that names it, where there is one */
  async claim(strangers: readonly Finding[]): Promise<Finding[]> {
    if (strangers.length === 0) return []
    const byKey = new Map(strangers.map(finding => [finding.source.key, finding]))
    this.#runs ??= listRunsOf(this.#world, this.#pipeline)
    for (const run of await this.#runs) await this.#claimFor(run, byKey)
    return [...byKey.values()]
  }

  async #claimFor(run: ListRun, byKey: Map<string, Finding>): Promise<void> {
    try {
      const ref = { bucket: this.#world.config.buckets.state, key: stateKeys.run(run.runId) }
      const document = await readDocument<RunDocument>(this.#world.objects, ref)
      for await (const page of pagesOfList(this.#world, document)) {
        for (const object of page) {
          const finding = byKey.get(object.key)
          if (finding && isSame(finding, object, document)) byKey.set(object.key, claimed(finding, run))
        }
      }
    } catch (error) {
      if (!isError(error, 'OBJECT_MISSING')) throw error
      doubt(run, byKey)
    }
  }
}

function isSame({ source }: Finding, object: PlacedObject, document: RunDocument): boolean {
  const { bucket = document.source.bucket, etag, version = source.version } = object
  return bucket === source.bucket && etag === source.etag && version === source.version
}

function claimed(finding: Finding, { runId, state }: ListRun): Finding {
  const standing = standingOf(state)
  return better(finding.standing, standing) === standing ? { ...finding, standing, runId, state } : finding
}

/** What such a list held can no longer be told: whatever was there by then may have been in it. */
function doubt({ runId, state, createdAt }: ListRun, byKey: Map<string, Finding>): void {
  for (const [key, finding] of byKey) {
    if (finding.standing !== 'missing' || finding.modifiedAt > epochMs(createdAt)) continue
    byKey.set(key, { ...finding, standing: 'unclear', runId, state })
  }
}

async function listRunsOf(world: Needs, pipeline: string): Promise<ListRun[]> {
  const found: ListRun[] = []
  let after: string | undefined
  do {
    const query = { index: 'pipeline' as const, pk: pipeline, ...(after === undefined ? {} : { after }) }
    const { items, next } = await world.records.query(query)
    const lists = items
      .map(item => fromItem<RunRecord>(item))
      .filter(run => isList(run, world.config.buckets.drops))
    found.push(...lists.map(({ runId, state, createdAt }) => ({ runId, state, createdAt })))
    after = next
  } while (after !== undefined)
  return found
}

/** One that was refused at planning is not kept: it names nothing. */
function isList({ source, state, round }: RunRecord, dropsBucket: string): boolean {
  const isManifest = source.bucket === dropsBucket && source.key.startsWith(manifestsPrefix)
  return isManifest && !(state === RunState.REFUSED && round === 0)
}
