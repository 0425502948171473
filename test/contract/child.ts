/** One attempt of a contract's job, as a real process. */
import { environment } from '../../shared/config.ts'
import { exitCodeOf } from './work.ts'

/** Longer than any test; a signal ends it before. */
const neverMs = 3_600_000

const own = environment()
const code = exitCodeOf(own, Number(own.AWS_BATCH_JOB_ARRAY_INDEX ?? 0))
if (code === null) setTimeout(() => {}, neverMs)
else process.exitCode = code
