/** `npm run demo`: the main job, whole, on real input, with two mishaps on the way. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { RunState } from '../../shared/vocabulary.ts'
import { dropOne, registered } from '../drop.ts'
import { type GlobalOptions, localStage } from '../options.ts'
import { followRun } from '../progress.ts'
import { type RunReport, reportOf } from '../report.ts'
import { stackLog } from '../stack-log.ts'
import { startOwn } from '../stage.ts'
import { summaryText } from '../summary.ts'
import { bytesText, countText, durationText } from '../words.ts'
import { type Check, checksOf } from './checks.ts'
import { compareAnswers } from './compare.ts'
import { writeFlights } from './flights.ts'
import { arrangeMishaps, throttledPartition } from './mishaps.ts'

/** @returns 0 only if everything it set out to show holds */
export async function demo(options: GlobalOptions): Promise<number> {
  const folder = join(options.dataDir, 'demo')
  mkdirSync(folder, { recursive: true })
  const started = await startOwn({ ...options, stage: localStage }, stackLog(options.dataDir, false))
  const { world, stack, place, close } = started
  try {
    say('stack', `up on 127.0.0.1: AWS Batch at ${stack.urls.batch}, Slack sink at ${stack.urls.slack}`)
    const flights = await writeFlights(folder)
    say('input', `${countText(flights.records)} flights as CSV, ${bytesText(flights.bytes)}: ${flights.csv}`)
    const told = stack.sink.messages().length
    for (const mishap of await arrangeMishaps(stack.batch)) say('mishap', mishap)
    const beganAt = world.clock.now()
    const dropped = await dropOne(world, flights.csv, { pipeline: 'flights' })
    say('drop', `s3://${dropped.bucket}/${dropped.key}, run ${dropped.runId}`)
    const run = await followRun(world, await registered(world, dropped), false, started)
    say('done', `in ${durationText(world.clock.now() - beganAt)}\n`)
    const report = await reportOf(world, run, place)
    process.stdout.write(summaryText(report, localStage))
    const slack = stack.sink.messages().slice(told)
    saySlack(slack)
    const answers =
      run.state === RunState.SUCCEEDED ? await compareAnswers(report.outputs, flights.parquet) : undefined
    if (answers) process.stdout.write(`\n${answers.text}\n`)
    return conclude(report, checksOf(report, flights.records, slack.length, answers?.equal === true), options)
  } finally {
    await close()
  }
}

function say(step: string, words: string): void {
  process.stdout.write(`${styleText('green', step.padEnd(6))} ${words}\n`)
}

function saySlack(messages: readonly { channel?: string; text?: string }[]): void {
  if (messages.length === 0) process.stdout.write('slack        nothing was said\n')
  for (const { channel, text } of messages)
    process.stdout.write(`slack        ${channel ?? ''}: ${text ?? ''}\n`)
}

function conclude(report: RunReport, checks: Check[], options: GlobalOptions): number {
  const failed = checks.filter(({ holds }) => !holds)
  process.stdout.write('\n')
  for (const { holds, words } of checks) {
    process.stdout.write(`${holds ? styleText('green', 'ok') : styleText('red', 'NO')}  ${words}\n`)
  }
  process.stdout.write(`
Look further:
  npx millrace show ${report.runId}
  npx millrace logs ${report.runId} ${throttledPartition}
  the table        ${report.outputs[0]?.replace(/part-[^/]*$/, '') ?? options.dataDir}
  the certificate  ${report.certificate ?? '(none)'}
  everything       ${options.dataDir}
`)
  return failed.length === 0 ? 0 : 1
}
