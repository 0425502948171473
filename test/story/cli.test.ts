/** The command line, as a person reads it and as a script does. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { PartitionState, RunState } from '../../shared/vocabulary.ts'
import { endAll, millrace, type Place, pipelinesDir, type Said, type Up, up } from './command.ts'
import { tempDir, until } from './story.ts'

interface Report {
  runId: string
  status: string
  certificate: string | null
  outputs: string[]
  failure: { code: string } | null
  [name: string]: unknown
}

const content = 'id,name\n1,one\n2,two\n3,three\n'
/** What the command line promises to scripts. */
const reportKeys = [
  'runId',
  'pipeline',
  'status',
  'rounds',
  'partitions',
  'retried',
  'recordsRead',
  'recordsWritten',
  'recordsRejected',
  'outputs',
  'certificate',
]

let dir: string
let remove: () => void
let place: Place
let stack: Up

before(async () => {
  ;({ dir, remove } = tempDir())
  place = { dataDir: path.join(dir, 'data') }
  stack = await up(place)
})

after(async () => {
  await endAll()
  remove()
})

function file(name: string, text: string): string {
  const whole = path.join(dir, name)
  mkdirSync(path.dirname(whole), { recursive: true })
  writeFileSync(whole, text)
  return whole
}

function report(said: Said): Report {
  const [line = '', ...more] = said.stdout.trimEnd().split('\n')
  assert.deepEqual(more, [], said.stderr)
  return JSON.parse(line) as Report
}

function objects(said: Said): Record<string, unknown>[] {
  return said.stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)
}

/** Ended as a person can use it: the reason, the remedy, nothing of the program's inside. */
function refusedInWords(said: Said, words: RegExp, remedy: RegExp): void {
  assert.equal(said.exitCode, 1)
  assert.equal(said.stdout, '')
  assert.match(said.stderr, words)
  assert.match(said.stderr, remedy)
  assert.doesNotMatch(said.stderr, /^ {4}at /m)
}

describe('drop --wait', () => {
  it('--json prints one object of all that a script needs, and exits 0 on SUCCEEDED', async () => {
    const said = await millrace(['drop', file('good.csv', content), '--wait', '--json'], place)
    assert.equal(said.exitCode, 0, said.stderr)
    const shown = report(said)
    for (const key of reportKeys) assert.ok(key in shown, key)
    assert.equal(shown.status, RunState.SUCCEEDED)
    assert.deepEqual([shown.recordsRead, shown.recordsWritten, shown.recordsRejected], [3, 3, 0])
    assert.deepEqual([shown.partitions, shown.rounds, shown.retried], [1, 1, 0])
    assert.equal(shown.outputs.length, 1)
    for (const at of [...shown.outputs, shown.certificate ?? '']) assert.ok(existsSync(at), at)
  })

  it('says in words what became of the file and where the table is', async () => {
    const said = await millrace(['drop', file('words.csv', content), '--wait'], place)
    assert.equal(said.exitCode, 0, said.stderr)
    for (const words of [
      /status +SUCCEEDED/,
      /records +3 read, 3 written/,
      /table +\S+run=\w+\/ \(1 file\)/,
    ]) {
      assert.match(said.stdout, words)
    }
    assert.match(said.stderr, /100%/)
    assert.doesNotMatch(said.stderr, / · {2}· /)
  })

  it('exits 1 on REFUSED, with the reason and the remedy', async () => {
    const bad = file('lacks.csv', 'id\n1\n')
    const said = await millrace(['drop', bad, '--wait', '--json'], place)
    assert.equal(said.exitCode, 1)
    const shown = report(said)
    assert.equal(shown.status, RunState.REFUSED)
    assert.equal(shown.failure?.code, 'COLUMNS_DIFFER')
    assert.equal(shown.certificate, null)
    const text = await millrace(['drop', bad, '--wait'], place)
    assert.equal(text.exitCode, 1)
    assert.match(text.stdout, /why +COLUMNS_DIFFER: the header lacks name/)
    assert.match(text.stdout, /remedy +Correct the file/)
    assert.doesNotMatch(text.stdout, /millrace retry/)
  })

  it('of several files waits for each, and exits 0 only if all of them succeed', async () => {
    const files = [file('first.csv', content), file('second.csv', 'id\n1\n'), file('third.csv', content)]
    const said = await millrace(['drop', ...files, '--wait', '--json'], place)
    assert.equal(said.exitCode, 1)
    assert.deepEqual(
      objects(said).map(({ status }) => status),
      [RunState.SUCCEEDED, RunState.REFUSED, RunState.SUCCEEDED],
    )
  })

  it('--partition-bytes cuts this one drop', async () => {
    const words = ['drop', file('cut.csv', content), '--wait', '--json', '--partition-bytes', '6']
    const shown = report(await millrace(words, place))
    assert.equal(shown.partitions, Math.ceil((content.length - 'id,name\n'.length) / 6))
    assert.equal(shown.recordsWritten, 3)
  })

  it('without a stack starts its own, tells Slack before it ends, and leaves no process', async () => {
    const own = { dataDir: path.join(dir, 'own') }
    const said = await millrace(['drop', file('own.csv', content), '--json'], own)
    assert.equal(said.exitCode, 0, said.stderr)
    assert.equal(report(said).status, RunState.SUCCEEDED)
    assert.match(readFileSync(path.join(own.dataDir, 'slack.ndjson'), 'utf8'), /run succeeded/)
    assert.deepEqual(processesIn(own.dataDir), [])
    const logs = await millrace(['logs', report(said).runId], own)
    assert.match(logs.stdout, /planned/)
  })
})

/** Processes that work in the folder; none where the system does not show. */
function processesIn(folder: string): string[] {
  if (!existsSync('/proc/self/cwd')) return []
  return readdirSync('/proc').filter(pid => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)
    } catch {
      return false
    }
  })
}

describe('plan', () => {
  it('shows what a drop would become and writes nothing', async () => {
    const nowhere = { dataDir: path.join(dir, 'nowhere') }
    const words = ['plan', file('plan.csv', content), '--partition-bytes', '10']
    const text = await millrace(words, nowhere)
    assert.equal(text.exitCode, 0, text.stderr)
    assert.match(text.stdout, /partitions +2 of 10 B/)
    assert.match(text.stdout, /columns +id INTEGER/)
    const shown = report(await millrace([...words, '--json'], nowhere))
    assert.equal(shown.partitions, 2)
    assert.ok(!existsSync(nowhere.dataDir))
  })

  it('exits 1 for a file that would be refused', async () => {
    const said = await millrace(['plan', file('plan-bad.csv', 'id,name,age\n')], place)
    assert.equal(said.exitCode, 1)
    assert.match(said.stdout, /would be REFUSED[\s\S]*COLUMNS_DIFFER[\s\S]*remedy/)
  })
})

describe('A run', () => {
  let failed: Report

  before(async () => {
    const bad = file('fails.csv', 'id,name\n1,one\nnot a number,two\n3,three\n')
    const said = await millrace(['drop', bad, '--wait', '--json', '--partition-bytes', '15'], place)
    assert.equal(said.exitCode, 1)
    failed = report(said)
  })

  it('is in the list of runs', async () => {
    const text = await millrace(['runs'], place)
    assert.equal(text.exitCode, 0)
    assert.match(text.stdout, /^RUN +STATE +PIPELINE +CREATED \(UTC\) +PARTITIONS +SIZE +KEY\n/)
    assert.match(text.stdout, new RegExp(`${failed.runId} +FAILED +people `))
    const listed = objects(await millrace(['runs', '--json'], place))
    assert.equal(listed.find(({ runId }) => runId === failed.runId)?.status, RunState.FAILED)
    assert.equal(objects(await millrace(['runs', '--json', '--limit', '1'], place)).length, 1)
  })

  it('is shown with its partitions, why it failed, and how to go on', async () => {
    const text = await millrace(['show', failed.runId], place)
    assert.equal(text.exitCode, 0)
    assert.match(text.stdout, /why +BAD_INPUT: partition \d: .*at byte 14/)
    assert.match(text.stdout, /PARTITION +STATE +RANGE +RECORDS +ATTEMPTS +SETBACKS\n\d +FAILED /)
    assert.match(text.stdout, /partitions +3 \(0 retried\)/, 'what has failed for good was not retried')
    assert.match(text.stdout, new RegExp(`npx millrace reject list ${failed.runId}`))
    assert.doesNotMatch(text.stdout, /millrace retry/, 'the same file by the same pipeline fails again')
    const shown = report(await millrace(['show', failed.runId, '--json'], place))
    for (const key of reportKeys) assert.ok(key in shown, key)
    const claimed = (shown.partitionRecords as { state: string }[]).map(({ state }) => state)
    assert.ok(
      claimed.includes(PartitionState.FAILED),
      'those that were not begun when it failed have no record',
    )
  })

  it('is told of in the logs: the functions, and the attempts that failed', async () => {
    const text = await millrace(['logs', failed.runId], place)
    assert.equal(text.exitCode, 0)
    assert.match(text.stdout, /partition planned /)
    assert.match(text.stdout, /== partition \d, round 1, attempt 1 of job /)
    assert.match(text.stdout, /ERROR failed .*BAD_INPUT/)
    for (const line of objects(await millrace(['logs', failed.runId, '--json'], place))) {
      assert.equal(typeof line.message, 'string')
    }
    const one = objects(await millrace(['logs', failed.runId, '0', '--json'], place))
    assert.ok(one.every(({ partition }) => partition === 0))
  })

  it('is retried by name, and fails again where nothing was changed', async () => {
    const said = await millrace(['retry', failed.runId, '--wait', '--json'], place)
    assert.equal(said.exitCode, 1, said.stderr)
    const again = report(said)
    assert.deepEqual([again.status, again.rounds], [RunState.FAILED, 2])
    const text = await millrace(['retry', failed.runId], place)
    assert.equal(text.exitCode, 0)
    assert.match(text.stdout, new RegExp(`round 3 of ${failed.runId} is due`))
    await until('the end of round 3', async () => {
      const { status, rounds } = report(await millrace(['show', failed.runId, '--json'], place))
      return status === RunState.FAILED && rounds === 3 ? true : undefined
    })
  })

  it('cannot be retried when it succeeded, and the reason is given', async () => {
    const done = report(await millrace(['drop', file('done.csv', content), '--wait', '--json'], place))
    const said = await millrace(['retry', done.runId], place)
    refusedInWords(said, /The run is SUCCEEDED; only a run that is failed or cancelled/, /^/)
  })
})

describe('What cannot be done', () => {
  it('is said of a run that is not known', async () => {
    for (const verb of ['show', 'retry', 'logs']) {
      refusedInWords(
        await millrace([verb, 'nope'], place),
        /^error: No run nope$/m,
        /^remedy: .*millrace runs/m,
      )
    }
  })

  it('is said of a partition that is not known', async () => {
    const [{ runId } = {}] = objects(await millrace(['runs', '--json', '--limit', '1'], place))
    refusedInWords(await millrace(['logs', String(runId), '999'], place), /Partition 999/, /millrace show/)
  })

  it('is said of a pipeline that is not known', async () => {
    const said = await millrace(['drop', file('x.csv', content), '--pipeline', 'nope'], place)
    refusedInWords(said, /^error: No pipeline nope$/m, /There are: people/)
  })

  it('is said of a file that is not there', async () => {
    for (const verb of ['drop', 'plan']) {
      const said = await millrace([verb, path.join(dir, 'missing.csv')], place)
      refusedInWords(said, /missing\.csv$/m, /^remedy: Give the path of a file/m)
      refusedInWords(await millrace([verb, dir], place), /is a folder$/m, /^remedy: Give the files in it/m)
    }
  })

  it('is said of a folder without pipelines', async () => {
    const empty = { dataDir: path.join(dir, 'empty'), pipelinesDir: path.join(dir, 'no pipelines') }
    refusedInWords(
      await millrace(['drop', file('x.csv', content)], empty),
      /No pipeline file in/,
      /--pipelines/,
    )
  })

  it('is said of a pipeline that was changed after the stack was started, which is not dropped into', async () => {
    const edited = path.join(dir, 'edited')
    const own = { dataDir: path.join(dir, 'edited-data'), pipelinesDir: edited }
    const source = readFileSync(path.join(pipelinesDir, 'people.ts'), 'utf8')
    file('edited/people.ts', source)
    const old = await up(own)
    file('edited/people.ts', source.replace('SELECT id, name', 'SELECT name, id'))
    const said = await millrace(['drop', file('x.csv', content), '--wait'], own)
    refusedInWords(said, /people was changed after the stack/, /start it again with `npx millrace up`/)
    assert.equal(await old.stop(), 0)
  })

  it('as a command is wrong usage: exit 2, and where help is', async () => {
    const wrong = [
      ['frob'],
      ['drop'],
      ['show'],
      ['drop', 'x', '--partition-bytes', 'many'],
      ['logs', 'x', '-1'],
    ]
    for (const words of wrong) {
      const said = await millrace(words, place)
      assert.equal(said.exitCode, 2, words.join(' '))
      assert.match(said.stderr, /^error: /)
      assert.match(said.stderr, /--help/)
    }
  })
})

describe('Pipeline files', () => {
  it('with faults are reported whole: each fault of each file with its path and remedy', async () => {
    file(
      'broken/a.ts',
      "import { definePipeline } from 'millrace'\nexport default definePipeline({ name: 'A!' })\n",
    )
    file(
      'broken/b.ts',
      `export default { name: 'b', source: { prefix: 'b', format: 'csv', columns: { x: 'FLOAT9' } }, work: { sql: '' },
       output: { prefix: 'b/' }, retries: 3 }\n`,
    )
    const broken = { dataDir: path.join(dir, 'broken-data'), pipelinesDir: path.join(dir, 'broken') }
    const said = await millrace(['up'], broken)
    refusedInWords(said, /a\.ts is not a valid pipeline/, /^remedy: /m)
    for (const fault of [
      / {2}name: must be 1 to 40/,
      / {2}output: .*\. Give a value of type object/,
      /b\.ts is not a valid pipeline/,
      / {2}source\.prefix: must end with a slash/,
      / {2}source\.columns\.x: is no column type; use one of/,
      / {2}work\.sql: /,
      / {2}retries: is no known key\. Remove it/,
    ]) {
      assert.match(said.stderr, fault)
    }
  })

  it('that do not load are named, with what is wrong', async () => {
    file('unloadable/a.ts', 'export default {\n')
    const unloadable = {
      dataDir: path.join(dir, 'unloadable-data'),
      pipelinesDir: path.join(dir, 'unloadable'),
    }
    refusedInWords(
      await millrace(['runs'], unloadable),
      /unloadable.a\.ts does not load: /,
      /Correct the file/,
    )
  })

  it("may lie anywhere and import definePipeline from 'millrace', whatever the working folder", async () => {
    const outside = path.join(dir, 'outside')
    file('outside/people.ts', readFileSync(path.join(pipelinesDir, 'people.ts'), 'utf8'))
    file('elsewhere/people.csv', content)
    const there = { dataDir: 'here', pipelinesDir: outside, cwd: path.join(dir, 'elsewhere') }
    const said = await millrace(['drop', 'people.csv', '--wait', '--json'], there)
    assert.equal(said.exitCode, 0, said.stderr)
    assert.ok(existsSync(path.join(there.cwd, 'here', 'records.db')))
    const elsewhere = { dataDir: 'here', pipelinesDir: path.join(dir, 'gone'), cwd: there.cwd }
    const shown = await millrace(['show', report(said).runId], elsewhere)
    assert.equal(shown.exitCode, 0, 'looking at a run needs no pipeline files')
  })
})

describe('--help', () => {
  for (const verb of ['', 'up', 'demo', 'init', 'drop', 'plan', 'runs', 'show', 'retry', 'logs']) {
    it(`of ${verb === '' ? 'the program' : verb} explains it and exits 0`, async () => {
      const said = await millrace([...(verb === '' ? [] : [verb]), '--help'], place)
      assert.equal(said.exitCode, 0)
      assert.match(said.stdout, /^Usage: millrace/)
      for (const option of ['--stage', '--pipelines', '--data', '--json'])
        assert.ok(said.stdout.includes(option))
      assert.equal(said.stderr, '')
    })
  }
})

describe('The stack', () => {
  it('listens on the loopback address only', test => {
    if (!existsSync('/proc/net/tcp')) return test.skip('this system has no /proc/net/tcp')
    const listening = listeningOf(stack.pid)
    assert.ok(listening.length >= 2, 'AWS Batch and the Slack sink')
    // 127.0.0.1 in the kernel's own byte order.
    assert.deepEqual([...new Set(listening)], ['0100007F'])
  })

  it('ends at Ctrl-C with nothing left behind', async () => {
    assert.equal(await stack.stop(), 0)
    assert.deepEqual(processesIn(place.dataDir), [])
    assert.ok(!existsSync(path.join(place.dataDir, 'stack.json')))
  })
})

/** The local addresses, in hexadecimal, of the sockets on which a process listens. */
function listeningOf(pid: number): string[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? []
      return inode === undefined ? [] : [inode]
    }),
  )
  return ['tcp', 'tcp6'].flatMap(table =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map(line => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === '0A' && sockets.has(inode ?? ''))
      .map(([, address]) => (address ?? '').split(':')[0] ?? ''),
  )
}
