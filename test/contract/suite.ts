/** A suite that several implementations run, some of them short of a test or two, with the reason said. */
import assert from 'node:assert/strict'
import { after, it } from 'node:test'

export interface SuiteOptions {
  /** Title of a test and the reason why this implementation cannot pass it; the reporter prints it. */
  skip?: Readonly<Record<string, string>>
}

export type Titled = (title: string, test: () => Promise<void>) => void

/** Call it within `describe`. A title in `skip` that the suite does not have fails: it has been renamed. */
export function titled({ skip = {} }: SuiteOptions): Titled {
  const unused = new Set(Object.keys(skip))
  after(() => assert.deepEqual([...unused], [], 'titles to be skipped that no test has'))
  return (title, test) => {
    const reason = skip[title]
    unused.delete(title)
    it(title, reason === undefined ? {} : { skip: reason }, test)
  }
}

/** All pages of a listing, page by page. `pagesMax` bounds a cursor that leads in a circle. */
export async function allPages<Page extends { next?: string }>(
  read: (after: string | undefined) => Promise<Page>,
  pagesMax = 100,
): Promise<Page[]> {
  const pages: Page[] = []
  for (let next: string | undefined; pages.length < pagesMax; ) {
    const page = await read(next)
    pages.push(page)
    next = page.next
    if (next === undefined) return pages
  }
  return assert.fail('pages without end')
}
