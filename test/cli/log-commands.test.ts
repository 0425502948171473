/** The commands that `millrace logs` prints for a stage in AWS name what is deployed. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { attemptCommands, functionsCommand } from '../../cli/log-commands.ts'
import { readServerless } from '../../local/serverless/variables.ts'
import type { PartitionRecord } from '../../shared/records.ts'
import { functionNames } from '../../shared/vocabulary.ts'

const runId = 'flights_0123456789abcdef'
const claims = [1, 2].map(jobAttempt => ({ round: 1, fence: jobAttempt, jobId: 'abc:7', jobAttempt, at: '' }))
const record = { runId, partition: 7, claims } as unknown as PartitionRecord

describe('what a shell makes of them', () => {
  let dir: string
  /** An `aws` that says what it was asked. */
  const asked = (command: string): string[][] =>
    execFileSync('sh', ['-c', command], {
      encoding: 'utf8',
      env: { PATH: `${dir}:/usr/bin:/bin` },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
  const optionOf = (words: string[], name: string): string => words[words.indexOf(name) + 1] ?? ''

  before(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'millrace-aws-'))
    const aws = path.join(dir, 'aws')
    // The name of a stream is all that is asked of Batch.
    const script = `#!${process.execPath}
const [, , service, ...words] = process.argv
const option = name => words[words.indexOf(name) + 1]
console.log(service === 'batch'
  ? \`stream of \${option('--jobs')} by \${option('--query')}\`
  : JSON.stringify([service, ...words]))
`
    await writeFile(aws, script)
    await chmod(aws, 0o755)
  })
  after(() => rm(dir, { recursive: true, force: true }))

  test('asks the log group of every function for the run, from when it began', () => {
    const calls = asked(functionsCommand('dev', runId, 1_000))
    const groups = functionNames.map(name => `/aws/lambda/millrace-dev-${name}`)
    assert.deepEqual(
      calls.map(words => optionOf(words, '--log-group-name')),
      groups,
    )
    for (const words of calls) {
      assert.equal(optionOf(words, '--filter-pattern'), `"${runId}"`)
      assert.equal(optionOf(words, '--start-time'), '1000')
    }
  })

  test('asks for the stream of each attempt, which Batch counts from nought, in the group that is deployed', () => {
    const [first = [], second = []] = attemptCommands('dev', [record]).flatMap(({ command }) =>
      asked(command),
    )
    const named = (at: number): string => `stream of abc:7 by jobs[0].attempts[${at}].container.logStreamName`
    assert.deepEqual(
      [first, second].map(words => optionOf(words, '--log-stream-name')),
      [named(0), named(1)],
    )
    const file = path.resolve(import.meta.dirname, '../../serverless.yml')
    const parts = JSON.stringify(readServerless(file, 'dev').resources)
    assert.ok(parts.includes(`"LogGroupName":"${optionOf(first, '--log-group-name')}"`))
  })

  test('is nothing for a partition that nobody has claimed', () => {
    const { claims: _, ...unclaimed } = record
    assert.deepEqual(attemptCommands('dev', [unclaimed]), [])
  })
})
