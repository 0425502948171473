/** Least privilege, held against what is asked: no call outside its caller's role, no grant that nobody uses. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { idOf } from '../../../infra/batch/cloudformation.ts'
import { localConfig } from '../../../shared/config.ts'
import { outputKeys, stateKeys } from '../../../shared/documents.ts'
import { isError } from '../../../shared/errors.ts'
import type { Pipeline } from '../../../shared/pipeline.ts'
import { type Packaged, packagePipelines } from '../packaged.ts'
import { callersIn, workerOf } from './callers.ts'
import { outsideByDesign, unusedByDesign } from './exceptions.ts'
import { keysOf } from './keys.ts'
import { callersOf, observer, Replayed, type Seen } from './replay.ts'
import { serviceCalls, type Used } from './service-calls.ts'
import { grantsOf, judge, matches } from './statements.ts'
import { playSeeds, playWhole, storyPipelines, uploadsTo, workWithCheckpoint } from './stories.ts'

/** Those who ask with credentials of their own. */
const people = ['person', 'retry', 'cancel']

const excused = (lines: readonly string[], exceptions: Readonly<Record<string, string>>): string[] =>
  lines.filter(line => !Object.keys(exceptions).some(pattern => matches(pattern, line)))

const stale = (exceptions: Readonly<Record<string, string>>, lines: readonly string[]): string[] =>
  Object.keys(exceptions).filter(pattern => !lines.some(line => matches(pattern, line)))

/** Whatever a worker writes may be large: results, rejects, what was split, what is kept between attempts. */
function largeFilesOf(pipeline: string, prefix: string): { bucket: string; key: string }[] {
  const { output, state } = localConfig('', '').buckets
  const runId = `${pipeline}_0123456789abcdef`
  return [
    { bucket: output, key: `${outputKeys.runPrefix(prefix, runId)}large` },
    { bucket: state, key: stateKeys.rejects(runId, 1, 1) },
    { bucket: state, key: stateKeys.piece(runId, 1) },
    { bucket: state, key: `${stateKeys.checkpoints(runId, 1)}large` },
  ]
}

/** Job roles are alike, and none of the stories is every pipeline's: unused is what no pipeline's jobs have used. */
function ofAllAlike(unused: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const line of unused) {
    const alike = storyPipelines.reduce(inGeneral, line)
    counts.set(alike, (counts.get(alike) ?? 0) + 1)
  }
  return [...counts]
    .filter(([line, count]) => !line.startsWith('JobRole:') || count === storyPipelines.length)
    .map(([line]) => line)
}

function inGeneral(line: string, { name, source, output }: Pipeline): string {
  const role = `JobRole${idOf(name)}:`
  if (!line.startsWith(role)) return line
  return line
    .replace(role, 'JobRole:')
    .replace(`/${output.prefix}run=`, '/{output}run=')
    .replace(`bucket/${source.prefix}`, 'bucket/{source}')
    .replace(`${name}_`, '{pipeline}_')
}

describe('the roles', () => {
  let packaged: Packaged
  const seen: Seen[] = []
  const used: Used[] = []
  let verdict: ReturnType<typeof judge>

  before(async () => {
    packaged = await packagePipelines(storyPipelines, '--param', 'slackSecret=millrace/slack')
    const { template } = packaged
    const observed = observer(call => seen.push(call))
    await playSeeds(observed)
    await playWhole(observed)
    assert.deepEqual(await workWithCheckpoint(observed), [1, 0])

    const keys = keysOf(template)
    const callers = callersIn(template)
    const use = (role: string, need: Used['need'], command?: string): void => {
      used.push({ role, need }, ...keys(need, command).map(one => ({ role, need: one })))
    }
    const replayed = new Map(
      [...callers].map(([name, caller]) => {
        const told = (needs: Used['need'][], command: string): void => {
          for (const need of needs) use(caller.role, need, command)
        }
        return [name, new Replayed(caller, told)]
      }),
    )
    const lives = callersOf(seen)
    for (const call of seen) {
      if (!people.includes(call.by)) await replayed.get(lives.get(call.life) ?? '')?.replay(call)
    }
    for (const { name, output } of storyPipelines) {
      const { calls, remove } = await uploadsTo(largeFilesOf(name, output.prefix))
      for (const call of calls) {
        await assert.rejects(
          async () => replayed.get(workerOf(name))?.replay(call),
          (error: unknown) => isError(error, 'REQUEST_REFUSED'),
        )
      }
      await remove()
    }
    for (const { role, need } of serviceCalls(template, callers)) use(role, need)
    const { outside, unused } = judge(grantsOf(template), used)
    verdict = { outside, unused: ofAllAlike(unused) }
  })
  after(() => rm(packaged.dir, { recursive: true, force: true }))

  it('are those of everybody who called, and of nobody else', () => {
    const callers = callersIn(packaged.template)
    const lives = callersOf(seen)
    const called = seen.map(({ by, life }) => (people.includes(by) ? by : (lives.get(life) ?? by)))
    const strangers = called.filter(name => !people.includes(name) && !callers.has(name))
    assert.deepEqual([...new Set(strangers)], [])
    const silent = [...callers.keys()].filter(name => !called.includes(name))
    assert.deepEqual(silent, [])
  })

  it('allow every call that is made', () => {
    assert.deepEqual(excused(verdict.outside, outsideByDesign), [])
  })

  it('grant nothing that no call uses', () => {
    assert.deepEqual(excused(verdict.unused, unusedByDesign), [])
  })

  it('are excused in nothing that is no longer so', () => {
    assert.deepEqual(stale(outsideByDesign, verdict.outside), [])
    assert.deepEqual(stale(unusedByDesign, verdict.unused), [])
  })
})
