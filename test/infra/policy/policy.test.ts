/** Least privilege, held against what is asked: no call outside its caller's role, no grant that nobody uses. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { localConfig } from '../../../shared/config.ts'
import { isError } from '../../../shared/errors.ts'
import { type Packaged, packageService } from '../packaged.ts'
import { callersIn } from './callers.ts'
import { outsideByDesign, unusedByDesign } from './exceptions.ts'
import { keysOf } from './keys.ts'
import { observer, Replayed, type Seen } from './replay.ts'
import { serviceCalls, type Used } from './service-calls.ts'
import { grantsOf, judge, matches } from './statements.ts'
import { playSeeds, playWhole, uploadsTo, workWithCheckpoint } from './stories.ts'

/** Those who ask with credentials of their own. */
const people = ['person', 'retry', 'cancel']

const excused = (lines: readonly string[], exceptions: Readonly<Record<string, string>>): string[] =>
  lines.filter(line => !Object.keys(exceptions).some(pattern => matches(pattern, line)))

const stale = (exceptions: Readonly<Record<string, string>>, lines: readonly string[]): string[] =>
  Object.keys(exceptions).filter(pattern => !lines.some(line => matches(pattern, line)))

describe('the roles', () => {
  let packaged: Packaged
  const seen: Seen[] = []
  const used: Used[] = []
  let verdict: ReturnType<typeof judge>

  before(async () => {
    packaged = await packageService('--param', 'slackSecret=millrace/slack')
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
    for (const call of seen) {
      if (!people.includes(call.by)) await replayed.get(call.by)?.replay(call)
    }
    const { output, state } = localConfig('', '').buckets
    const { calls, remove } = await uploadsTo([output, state])
    for (const call of calls) {
      await assert.rejects(
        async () => replayed.get('worker')?.replay(call),
        (error: unknown) => isError(error, 'REQUEST_REFUSED'),
      )
    }
    await remove()
    for (const { role, need } of serviceCalls(template, callers)) use(role, need)
    verdict = judge(grantsOf(template), used)
  })
  after(() => rm(packaged.dir, { recursive: true, force: true }))

  it('are those of everybody who called, and of nobody else', () => {
    const callers = callersIn(packaged.template)
    const strangers = seen.map(({ by }) => by).filter(by => !people.includes(by) && !callers.has(by))
    assert.deepEqual([...new Set(strangers)], [])
    const silent = [...callers.keys()].filter(name => !seen.some(({ by }) => by === name))
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
