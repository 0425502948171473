/** Which of many records break the work: halves are tried, and halves of those that fail, within bounds. Pure. */
import type { Assignment, RunDocument } from '../../shared/documents.ts'

export interface BadRecord {
  /** Among the records, from 0. */
  ordinal: number
  reason: string
}

/** Works the records [begin, end) for nothing. Answers why that fails; `undefined` where it does not. */
export type Trial = (begin: number, end: number) => Promise<string | undefined>

export interface SearchLimits {
  /** With so many found, there are too many. At least 1. */
  badMax: number
  /** Epoch ms, or of any clock that only grows. */
  now: () => number
  /** Of time; a quarter of an hour where absent or more. */
  msMax?: number
}

export interface Search {
  /** In order. */
  bad: BadRecord[]
  trials: number
  /**
   * `all`: no other record is bad. `tooMany`: `badMax` were found, and there may be more. `givenUp`: a bound of the
   * search was reached. `together`: what fails with others does not fail alone.
   */
  ended: 'all' | 'tooMany' | 'givenUp' | 'together'
}

const trialsFree = 64
/** Twice the halvings of half a million records: both halves are tried each time, at worst. */
const trialsPerBad = 40
const trialsMax = 10_000
const searchMsMax = 15 * 60 * 1000

/** `failed`: a trial of just these records said why. `sure`: something in it must be bad. */
interface Range {
  begin: number
  end: number
  failed?: string
  sure: boolean
}

/** Of an attempt's time: what was read and worked before, and what is to be worked then, take theirs. */
const timeShare = 0.25
const minuteMs = 60 * 1000

/** How long an attempt may search. */
export function searchMs({ run, assignment }: { run: RunDocument; assignment: Assignment }): number {
  const { timeoutMinutes = run.pipeline.job.timeoutMinutes } = assignment.lane ?? {}
  return timeoutMinutes * minuteMs * timeShare
}

/** @param count of records, which are known to fail together */
export async function bisect(count: number, trial: Trial, limits: SearchLimits): Promise<Search> {
  const search: Search = { bad: [], trials: 0, ended: 'all' }
  const { badMax, now, msMax = searchMsMax } = limits
  const trialsAllowed = Math.min(trialsMax, trialsFree + trialsPerBad * badMax)
  const deadline = now() + Math.min(msMax, searchMsMax)
  const open: Range[] = [{ begin: 0, end: count, sure: true }]
  const tried = async ({ begin, end, sure }: Range): Promise<Range | undefined> => {
    search.trials++
    const failed = await trial(begin, end)
    return failed === undefined ? undefined : { begin, end, sure, failed }
  }
  for (let range = open.pop(); range !== undefined; range = open.pop()) {
    if (search.trials >= trialsAllowed || now() > deadline) return { ...search, ended: 'givenUp' }
    const { begin, end, failed, sure } = range
    if (failed === undefined && (!sure || end - begin === 1)) {
      const known = await tried(range)
      if (known === undefined && sure) return { ...search, ended: 'together' }
      if (known !== undefined) open.push({ ...known, sure: true })
    } else if (end - begin === 1) {
      search.bad.push({ ordinal: begin, reason: failed ?? '' })
      if (search.bad.length >= badMax) return { ...search, ended: 'tooMany' }
    } else {
      const middle = begin + Math.floor((end - begin) / 2)
      const left = await tried({ begin, end: middle, sure: true })
      // Where the left half is sound, the right one cannot be.
      open.push({ begin: middle, end, sure: left === undefined })
      if (left) open.push(left)
    }
  }
  return search
}
