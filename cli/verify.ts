/** `millrace verify`: the certificate worked out anew, from the source and the outputs themselves. */
import { createLogUpdate } from 'log-update'
import { readDocument, runDocument } from '../functions/steps/documents.ts'
import { plannedOf } from '../functions/steps/gather.ts'
import { resplitsOf } from '../functions/steps/resplits.ts'
import type { Certificate } from '../shared/certificate.ts'
import { type RunDocument, stateKeys } from '../shared/documents.ts'
import { MillraceError } from '../shared/errors.ts'
import { PartitionPlan } from '../shared/partition-plan.ts'
import type { Clock } from '../shared/ports.ts'
import type { RunRecord } from '../shared/records.ts'
import type { World } from '../shared/world.ts'
import { openSession } from '../worker/duckdb/session.ts'
import { openScratch } from '../worker/scratch.ts'
import type { GlobalOptions } from './options.ts'
import { loadRunRecord } from './report.ts'
import { openStage } from './stage.ts'
import { verifyArithmetic } from './verify/arithmetic.ts'
import { type Fault, faultCodes } from './verify/fault.ts'
import { verifyOutputs } from './verify/outputs.ts'
import { verifyRecords } from './verify/records.ts'
import { verifySource } from './verify/reread.ts'
import { bytesText, countOf, countText } from './words.ts'

/** A certificate with more faults than these is not worth a longer list. */
const faultsMax = 1000
const faultsShownMax = 10
const memoryMiB = 1024
const plainEveryMs = 5000

/** What `--json` prints. */
export interface Verdict {
  runId: string
  matches: boolean
  faults: Fault[]
  outputs: number
  outputBytes: number
  /** Read again; 0 with `--quick`. */
  ranges: number
  records: number
}

/** @returns 0 where everything matches, else 1 */
export async function verify(runId: string, options: GlobalOptions & { quick: boolean }): Promise<number> {
  const { world, close } = await openStage(options, 'look', false)
  const progress = options.json ? silent : shown(world.clock)
  try {
    const verdict = await verdictOn(world, await loadRunRecord(world, runId), options.quick, progress.tell)
    progress.done()
    process.stdout.write(options.json ? `${JSON.stringify(verdict)}\n` : verdictText(verdict, options.quick))
    return verdict.matches ? 0 : 1
  } finally {
    progress.done()
    await close()
  }
}

/** What is found. Errors: NOT_ALLOWED where there is no certificate, and those of reading. */
export async function verdictOn(
  world: World,
  run: RunRecord,
  quick: boolean,
  tell: (words: string) => void,
): Promise<Verdict> {
  const { runId } = run
  const certificate = await certificateOf(world, run)
  const planned = await readDocument<RunDocument>(world.objects, {
    bucket: world.config.buckets.state,
    key: stateKeys.run(runId),
  })
  const document = await runDocument(world, run)
  const faults: Fault[] = []
  const onFault = (code: Fault['code'], where: string, words: string): void => {
    if (faults.length < faultsMax) faults.push({ code, where, words })
  }
  const { planned: pages } = await plannedOf(world, document, document)
  const plan = new PartitionPlan(document, await resplitsOf(world, run), pages)
  verifyArithmetic(certificate, document, plan, run, onFault)
  await verifyRecords(world, run, certificate, document, plan, onFault)
  const scratch = await openScratch()
  const session = await openSession({ scratch, memoryMiB, vcpus: 1 })
  try {
    const context = { world, certificate, planned, document, plan, dir: scratch.dir, session, onFault, tell }
    const { outputs, bytes } = await verifyOutputs(context)
    const { ranges, records } = quick ? { ranges: 0, records: 0 } : await verifySource(context)
    return { runId, matches: faults.length === 0, faults, outputs, outputBytes: bytes, ranges, records }
  } finally {
    session.close()
    await scratch.remove()
  }
}

async function certificateOf(world: World, { runId, state, certificate }: RunRecord): Promise<Certificate> {
  if (certificate === undefined) {
    throw new MillraceError('NOT_ALLOWED', `Run ${runId} is ${state} and has no certificate to verify`)
  }
  return readDocument(world.objects, { bucket: world.config.buckets.output, key: certificate })
}

function verdictText({ runId, faults, ...counted }: Verdict, quick: boolean): string {
  const { outputs, outputBytes, ranges, records } = counted
  const files = `${countOf(outputs, 'output')} of ${bytesText(outputBytes)}`
  const source = quick
    ? 'the source was not read'
    : `${countOf(records, 'record')} in ${countOf(ranges, 'range')} of the source`
  if (faults.length === 0) return `run ${runId} matches its certificate: ${files}, ${source}\n`
  const [first] = faults
  const summary = first ? `${faultCodes[first.code]} (${countText(faults.length)} found)` : ''
  const lines = faults.slice(0, faultsShownMax).map(({ code, where, words }) => `${code}: ${where}: ${words}`)
  const more = faults.length - lines.length
  return [
    `run ${runId} does NOT match its certificate: ${summary}`,
    ...lines,
    ...(more > 0 ? [`and ${countText(more)} more; --json has them`] : []),
    '',
  ].join('\n')
}

interface Progress {
  tell(words: string): void
  done(): void
}

const silent: Progress = { tell: () => {}, done: () => {} }

/** Rewrites one line on a terminal; elsewhere adds one every so often. */
function shown(clock: Clock): Progress {
  if (process.stderr.isTTY === true) {
    const rewrite = createLogUpdate(process.stderr)
    return { tell: words => rewrite(words), done: () => rewrite.clear() }
  }
  let saidAt = clock.now()
  const tell = (words: string): void => {
    if (clock.now() - saidAt < plainEveryMs) return
    saidAt = clock.now()
    process.stderr.write(`${words}\n`)
  }
  return { tell, done: () => {} }
}
