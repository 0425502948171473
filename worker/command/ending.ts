/** What the end of a command means: the contract of exit codes, the same for every language. Pure. */
import { MillraceError } from '../../shared/errors.ts'
import { exitCodes } from '../../shared/failure.ts'
import type { CommandEnd } from './supervise.ts'

/** What fits into a reason beside the other words. */
const tailCharactersMax = 1500
const rejectTailCharactersMax = 500

/** `undefined`: it did what it was to do. */
export function faultOf(end: CommandEnd): MillraceError | undefined {
  if (end.stopped) return new MillraceError('STOPPED', 'Asked to stop while the command ran')
  if (end.exitCode === exitCodes.done) return undefined
  const words = `The command ended with ${endWords(end, tailCharactersMax)}`
  if (end.exitCode === exitCodes.badInput) return new MillraceError('BAD_INPUT', words)
  if (end.exitCode === exitCodes.temporary) return new MillraceError('TEMPORARY_FAILURE', words)
  return new MillraceError(end.outOfMemory ? 'OUT_OF_MEMORY' : 'WORK_FAILED', words)
}

/** Why a record is parked that the command could not take. */
export function rejectReason(end: CommandEnd): string {
  return `The command ended with ${endWords(end, rejectTailCharactersMax)}`
}

function endWords({ exitCode, killedBy, stderrTail }: CommandEnd, tailMax: number): string {
  const how = killedBy === null ? `exit ${exitCode}` : `signal ${killedBy}`
  return stderrTail === '' ? how : `${how}: ${stderrTail.slice(-tailMax)}`
}

/** May single records be to blame? Careful: for any end that nothing else explains. */
export function isOfData(fault: MillraceError, careful: boolean): boolean {
  return fault.code === 'BAD_INPUT' || (careful && fault.code === 'WORK_FAILED')
}
