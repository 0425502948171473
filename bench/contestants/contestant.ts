/** What contestants have in common. */
import type { FormatCase } from '../cases.ts'

export interface Given {
  format: FormatCase
  /** Path of the input. */
  file: string
  /** A folder of this contestant's own. */
  scratch: string
}

/** Libraries are loaded: what comes is the work alone. */
export interface Ready {
  run(): Promise<void>
  /** After `run`: how many records it found; not measured. */
  records(): Promise<number>
}

export type Contestant = (given: Given) => Promise<Ready>

export interface Measured {
  ms: number
  /** Of all threads. */
  cpuMs: number
  records: number
  peakRssMiB: number
}

/** A contestant that counts as it goes. */
export function counting(work: () => Promise<number>): Ready {
  let found = 0
  return {
    run: async () => {
      found = await work()
    },
    records: async () => found,
  }
}
