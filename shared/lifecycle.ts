/**
 * State x happening, one table a machine. `undefined` is a decided "stays as it is" (a late or repeated event),
 * never a forgotten cell: a missing one is a type error. Conditions, groups and offers are derived below.
 */
import type { Guard } from './table.ts'
import { PartitionState as P, RoundState as R, RunState as S } from './vocabulary.ts'

type Table<State extends string, Happening extends string> = Record<
  State,
  Record<Happening, State | undefined>
>

export type RunHappening =
  | 'submitted'
  | 'published'
  | 'waited'
  | 'gaveUp'
  | 'refused'
  | 'cancelled'
  | 'retried'

const closedRun = {
  submitted: undefined,
  published: undefined,
  waited: undefined,
  gaveUp: undefined,
  refused: undefined,
  cancelled: undefined,
  retried: undefined,
} as const

export const runTable = {
  [S.PLANNED]: { ...closedRun, submitted: S.RUNNING, gaveUp: S.FAILED, cancelled: S.CANCELLED },
  [S.RUNNING]: {
    ...closedRun,
    published: S.SUCCEEDED,
    waited: S.WAITING,
    gaveUp: S.FAILED,
    // Only reading it shows that the source as a whole cannot be taken.
    refused: S.REFUSED,
    cancelled: S.CANCELLED,
  },
  [S.WAITING]: { ...closedRun, submitted: S.RUNNING, gaveUp: S.FAILED, cancelled: S.CANCELLED },
  [S.SUCCEEDED]: closedRun,
  [S.FAILED]: { ...closedRun, retried: S.WAITING },
  [S.REFUSED]: closedRun,
  [S.CANCELLED]: { ...closedRun, retried: S.WAITING },
} as const satisfies Table<S, RunHappening>

export type RoundHappening = 'claimed' | 'submitted' | 'ended'

export const roundTable = {
  [R.WAITING]: { claimed: R.SUBMITTING, submitted: undefined, ended: undefined },
  // A second claim resumes a submit that died half-way; the job name finds what it had submitted.
  [R.SUBMITTING]: { claimed: R.SUBMITTING, submitted: R.RUNNING, ended: undefined },
  [R.RUNNING]: { claimed: undefined, submitted: undefined, ended: R.ENDED },
  [R.ENDED]: { claimed: undefined, submitted: undefined, ended: undefined },
} as const satisfies Table<R, RoundHappening>

export type PartitionHappening = 'claimed' | 'succeeded' | 'failed' | 'miscut'

export const partitionTable = {
  // Batch may end a child before its container says a word.
  [P.PLANNED]: { claimed: P.RUNNING, succeeded: undefined, failed: P.FAILED, miscut: undefined },
  // Claimed again: a later attempt takes over, the fence shuts the earlier one out.
  [P.RUNNING]: { claimed: P.RUNNING, succeeded: P.SUCCEEDED, failed: P.FAILED, miscut: undefined },
  [P.SUCCEEDED]: { claimed: undefined, succeeded: undefined, failed: undefined, miscut: P.FAILED },
  // Failed again: in a later round, and before its container said a word.
  [P.FAILED]: { claimed: P.RUNNING, succeeded: undefined, failed: P.FAILED, miscut: undefined },
} as const satisfies Table<P, PartitionHappening>

/** The states in which a happening moves something. */
export function statesFor<State extends string, Happening extends string>(
  table: Table<State, Happening>,
  happening: Happening,
): State[] {
  return (Object.keys(table) as State[]).filter(state => table[state][happening] !== undefined)
}

/** Where the happening leads, or `undefined` where it changes nothing. */
export function after<State extends string, Happening extends string>(
  table: Table<State, Happening>,
  state: State,
  happening: Happening,
): State | undefined {
  return table[state][happening]
}

/** The condition under which a happening may be written. */
export function allows<State extends string, Happening extends string>(
  table: Table<State, Happening>,
  happening: Happening,
): Guard {
  return [{ state: { oneOf: statesFor(table, happening) } }]
}

/** Runs that still have something to happen of their own accord. */
export const openRunStates: readonly S[] = statesFor(runTable, 'gaveUp')
export const isOpen = (state: S): boolean => openRunStates.includes(state)

/** What a person may ask of a run in this state; the reason if not. */
export const can = {
  retry: (state: S): true | string => offer(state, 'retried', 'failed or cancelled'),
  cancel: (state: S): true | string => offer(state, 'cancelled', 'open'),
}

function offer(state: S, happening: RunHappening, wanted: string): true | string {
  return after<S, RunHappening>(runTable, state, happening) === undefined
    ? `The run is ${state}; only a run that is ${wanted} can be ${happening}.`
    : true
}
