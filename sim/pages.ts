/** What children are told, parsed once where a run has many of them: pages are written once and never change. */
import { type AssignmentPage, placeOf, type RunDocument, stateKeys } from '../shared/documents.ts'
import { childrenPerArrayMax } from '../shared/records.ts'
import { Stage } from '../shared/vocabulary.ts'
import { fetchAssignment } from '../worker/assignment.ts'
import { readBytes } from './proof.ts'

/** From here on, parsing a plan page of 1,000 for every child would be most of the work. */
const pagesKeptFrom = 1000

export class Pages {
  readonly #pages = new Map<string, unknown>()

  async fetch(...[objects, bucket, child]: Parameters<typeof fetchAssignment>) {
    const kept = async <Shape>(key: string): Promise<Shape> => {
      const text = await readBytes(objects, bucket, key)
      const known = this.#pages.get(key) ?? JSON.parse(text.toString())
      this.#pages.set(key, known)
      return known as Shape
    }
    const key = stateKeys.run(child.runId)
    const run = this.#pages.get(key) as RunDocument | undefined
    if ((run?.partitions ?? 0) < pagesKeptFrom) {
      const fetched = await fetchAssignment(objects, bucket, child)
      this.#pages.set(key, fetched.run)
      return fetched
    }
    const { page, offset } = placeOf(child.chunk, child.index, childrenPerArrayMax)
    const pageKey = stateKeys.assignments(child.runId, child.round, page)
    const { assignments, stage = Stage.work } = await kept<AssignmentPage>(pageKey)
    const assignment = assignments[offset]
    if (assignment === undefined) throw new Error(`no assignment at ${offset} of page ${page}`)
    return { run: await kept<RunDocument>(key), assignment, stage }
  }
}
