/** Work by programs of users: what they are given, what becomes of what they write, and of how they end. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { stateKeys } from '../../shared/documents.ts'
import { buckets, type GivenOptions, givenRun, rejectsOf, rowsOf, runId, worked } from './given.ts'
import { assign, program, removePrograms } from './programs.ts'

const text = 'id,name\n1,ann\n2,"b,o\nb"\n3,\n'
const columns = { id: 'BIGINT', name: 'VARCHAR' }
const texts = { work: { columns: { id: 'VARCHAR', name: 'VARCHAR' } } }
const echo = program('for (const line of lines()) say(numbered(JSON.parse(line)))')

after(removePrograms)

function runOf(command: string[], more: Partial<GivenOptions> & { input?: string; header?: boolean } = {}) {
  const { input, header, ...options } = more
  const work = {
    command,
    columns,
    ...(input ? { input } : {}),
    ...(header ? { header } : {}),
    ...options.work,
  }
  return givenRun({ text, ...options, work })
}

/** The lines of stdin, as the program saw them. */
async function seen(more: Parameters<typeof runOf>[1]): Promise<unknown[]> {
  const given = await runOf(program("say({ name: readFileSync(0, 'utf8') })"), more)
  const { exitCode, log } = await worked(given)
  assert.equal(exitCode, 0, JSON.stringify(log.at(-1)))
  return (await rowsOf(given, 'SELECT name FROM output')).flat()
}

describe('a command', () => {
  it('is given each record as a JSON object, and its results are rows of the columns that it declares', async () => {
    const given = await runOf(echo)
    const { exitCode, partition, left } = await worked(given)
    assert.equal(exitCode, 0)
    assert.deepEqual(left, [])
    assert.deepEqual(await rowsOf(given), [
      ['1', 'ann'],
      ['2', 'b,o\nb'],
      ['3', null],
    ])
    const { recordsRead, recordsWritten, recordsRejected } = partition?.report ?? {}
    assert.deepEqual(
      { recordsRead, recordsWritten, recordsRejected },
      { recordsRead: 3, recordsWritten: 3, recordsRejected: 0 },
    )
  })

  it('can be given CSV with a header, or the very bytes of the records, with their header or without', async () => {
    assert.deepEqual(await seen({ input: 'csv' }), ['id,name\n1,ann\n2,"b,o\nb"\n3,\n'])
    assert.deepEqual(await seen({ input: 'raw' }), ['1,ann\n2,"b,o\nb"\n3,\n'])
    assert.deepEqual(await seen({ input: 'raw', header: true }), [text])
  })

  it('is given numbers as numbers where the source declares them, and records that do not fit are rejected', async () => {
    const typed = [
      { name: 'id', type: 'BIGINT' },
      { name: 'name', type: 'VARCHAR' },
    ]
    const given = await runOf(program('for (const line of lines()) say({ id: JSON.parse(line).id + 1 })'), {
      text: 'id,name\n1,ann\nx,bob\n3,cy\n',
      columns: typed,
      rejectedRecords: 1,
    })
    const { partition } = await worked(given)
    assert.deepEqual(await rowsOf(given), [
      ['2', null],
      ['4', null],
    ])
    assert.equal(partition?.report?.recordsRejected, 1)
  })

  it('is given the object itself where NDJSON has no columns', async () => {
    const options = { text: '{"a":{"b":1.10}}\n', source: { format: 'ndjson' } }
    assert.deepEqual(await seen(options), ['{"a":{"b":1.10}}\n'])
    assert.deepEqual(await seen({ ...options, input: 'raw' }), ['{"a":{"b":1.10}}\n'])
  })

  it('may drop records and make many of one', async () => {
    const given = await runOf(
      program(
        'for (const line of lines()) { const { id } = JSON.parse(line); for (let n = 1; n < id; n++) say({ id: Number(id) }) }',
      ),
    )
    const { partition } = await worked(given)
    assert.deepEqual(await rowsOf(given, 'SELECT id FROM output'), [['2'], ['3'], ['3']])
    assert.equal(partition?.report?.recordsWritten, 3)
  })

  it('may never look at its stdin, close it early, and write nothing', async () => {
    const rows = `id,name\n${'1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n'.repeat(50_000)}`
    for (const body of ['', "process.stdin.once('data', () => process.stdin.destroy())"]) {
      const { exitCode, partition } = await worked(await runOf(program(body), { text: rows }))
      assert.equal(exitCode, 0)
      assert.equal(partition?.report?.recordsRead, 50_000)
      assert.deepEqual(partition?.report?.outputs, [])
    }
  })

  it('can take and give a line of megabytes', async () => {
    const name = 'x'.repeat(3_000_000)
    const given = await runOf(echo, { text: `id,name\n1,${name}\n` })
    await worked(given)
    assert.deepEqual(await rowsOf(given, 'SELECT length(name) FROM output'), [['3000000']])
  })

  it('finds who it is in its environment, and nothing of ours beside', async () => {
    const body = `say({ name: Object.keys(process.env).filter(key => key.startsWith('MILLRACE_')).sort().join() })
      say({ name: [process.env.MILLRACE_PARTITION, process.env.MILLRACE_ATTEMPT, process.env.MILLRACE_PIPELINE].join() })
      say({ name: process.env.MILLRACE_SOURCE_KEY })
      say({ name: String(process.env.PATH !== undefined) })`
    const given = await runOf(program(body))
    await worked(given)
    const names = 'ATTEMPT,CHECKPOINT_DIR,PARTITION,PIPELINE,RUN_ID,SOURCE_KEY'.replace(/\w+/g, 'MILLRACE_$&')
    assert.deepEqual((await rowsOf(given, 'SELECT name FROM output')).flat(), [
      names.replaceAll('MILLRACE_CHECKPOINT_DIR', 'MILLRACE_CHECKPOINT_DIR'),
      '0,1,given',
      given.ref.key,
      'true',
    ])
  })
})

describe('what a command writes', () => {
  for (const [what, body, reason] of [
    ['a line that is no JSON', "say({ id: 1 }); console.log('done!')", /Line 2 .*not valid JSON/],
    [
      'a value that does not fit its column',
      'say({ id: 1 }); say({ id: 2.5 })',
      /Result 2, in id .*does not fit BIGINT/,
    ],
    [
      'a field that nobody declared',
      "say({ id: 1, nam: 'x' })",
      /Line 1 .*"nam":"x", which work\.columns does not name/,
    ],
  ] as const) {
    it(`cannot be ${what}: nothing of it is published`, async () => {
      const given = await runOf(program(body))
      const { exitCode, partition } = await worked(given)
      assert.equal(exitCode, 1)
      assert.equal(partition?.failures?.[0]?.code, 'APPLICATION')
      assert.match(partition?.failures?.[0]?.reason ?? '', reason)
      assert.deepEqual((await given.objects.list('output', '')).objects, [])
    })
  }

  it('to stderr is in the log, line by line', async () => {
    const { log } = await worked(await runOf(program("console.error('one'); console.error('two')")))
    const said = log.filter(({ message }) => message === 'command').map(({ stderr }) => stderr)
    assert.deepEqual(said, ['one', 'two'])
  })
})

describe('the end of a command', () => {
  for (const [how, body, exitCode, code, reason] of [
    ['exit 75 is TEMPORARY', "console.error('busy'); process.exit(75)", 75, 'TEMPORARY', /exit 75: busy/],
    [
      'exit 3 is APPLICATION',
      "console.error('no such table'); process.exit(3)",
      1,
      'APPLICATION',
      /exit 3: no such table/,
    ],
    ['a crash is APPLICATION', "process.kill(process.pid, 'SIGSEGV')", 1, 'APPLICATION', /signal SIGSEGV/],
  ] as const) {
    it(`by ${how}, with its last words`, async () => {
      const { exitCode: exit, partition } = await worked(await runOf(program(body)))
      assert.equal(exit, exitCode)
      assert.equal(partition?.failures?.[0]?.code, code)
      assert.match(partition?.failures?.[0]?.reason ?? '', reason)
    })
  }

  it('is APPLICATION where it cannot even begin, and says what to do', async () => {
    const { partition } = await worked(await runOf(['no-such-program']))
    assert.match(
      partition?.failures?.[0]?.reason ?? '',
      /cannot be started: .*ENOENT.*Put no-such-program into/,
    )
  })
})

/** Fails with this exit where a line holds `poison`; a shell, because it starts fast. */
const poisoned = (exit: number): string[] => [
  'sh',
  '-c',
  `given=$(cat); case "$given" in *poison*) echo cannot take it >&2; exit ${exit};; esac; echo "$given"`,
]
const poison = `id,name\n${Array.from({ length: 40 }, (_, at) => `${at},${at % 20 === 7 ? 'poison' : 'fine'}\n`).join('')}`

describe('records that a command cannot take', () => {
  it('are found, parked with place and last words, and the others published', async () => {
    const given = await runOf(poisoned(65), { ...texts, text: poison, rejectedRecords: 2 })
    const { exitCode, partition } = await worked(given)
    assert.equal(exitCode, 0)
    const rejects = await rejectsOf(given, partition?.report?.rejectsKey)
    assert.deepEqual(
      rejects.map(({ raw }) => raw),
      ['7,poison', '27,poison'],
    )
    assert.equal(rejects[0]?.byteOffset, poison.indexOf('7,poison'))
    assert.match(rejects[0]?.reason ?? '', /exit 65: cannot take it$/)
    assert.equal((await rowsOf(given)).length, 38)
    assert.equal(partition?.report?.recordsRead, 40)
    assert.equal(partition?.report?.recordsRejected, 2)
    assert.equal(partition?.report?.rejectedByWork, 2)
  })

  it('are blamed only behind a start that is proven, not guessed', async () => {
    const half = Math.floor(poison.length / 2)
    const given = await runOf(poisoned(65), {
      ...texts,
      text: poison,
      rejectedRecords: 1,
      partitionBytes: half,
    })
    const { exitCode, log } = await worked(given, { index: 1 })
    assert.equal(exitCode, 0)
    const said = log
      .map(({ message }) => message)
      .filter(each => each === 'start proven' || each === 'bisected')
    assert.deepEqual(said, ['start proven', 'bisected'])
  })

  it('are looked for without what other tries have left in the checkpoint folder', async () => {
    const seen = '"$MILLRACE_CHECKPOINT_DIR/seen"'
    const once = ['sh', '-c', `[ -e ${seen} ] && exit 9; touch ${seen}; ${poisoned(65)[2]}`]
    const { exitCode } = await worked(await runOf(once, { ...texts, text: poison, rejectedRecords: 2 }))
    assert.equal(exitCode, 0)
  })

  it('cannot cost a run of the program where more are broken already than tolerated', async () => {
    const given = await runOf(['sh', '-c', 'echo started >&2'], { text: 'id,name\n1\n2,b\n', input: 'raw' })
    const { exitCode, log } = await worked(given)
    assert.equal(exitCode, 65)
    assert.equal(
      log.some(({ message }) => message === 'command'),
      false,
    )
  })

  it('are found among raw CSV and behind records whose values do not fit', async () => {
    const raw = program(
      `const all = readFileSync(0, 'utf8'); if (all.includes('poison')) process.exit(65); say({ id: all.length })`,
    )
    const odd = 'id,name\n1,"a\nb"\nx,no number\n2,"poison"\n3,"c\nd"\n'
    const first = await runOf(raw, { text: odd, rejectedRecords: 2, input: 'raw' })
    const rawReport = (await worked(first)).partition?.report
    assert.deepEqual(
      (await rejectsOf(first, rawReport?.rejectsKey)).map(each => each.raw),
      ['2,"poison"'],
    )
    const typed = [
      { name: 'id', type: 'BIGINT' },
      { name: 'name', type: 'VARCHAR' },
    ]
    const second = await runOf(raw, { text: odd, rejectedRecords: 2, columns: typed })
    const report = (await worked(second)).partition?.report
    assert.deepEqual((await rejectsOf(second, report?.rejectsKey)).map(each => each.raw).toSorted(), [
      '2,"poison"',
      'x,no number',
    ])
  })

  it('are looked for no longer than a quarter of the attempt may last', async () => {
    const text = `id,name\n${'1,a\n'.repeat(30_000)}2,poison\n`
    const given = await runOf(poisoned(65), { ...texts, text, rejectedRecords: 2 })
    given.run.pipeline.job.timeoutMinutes = 1
    const ref = { bucket: buckets.state, key: stateKeys.run(runId) }
    await given.objects.write(ref, Buffer.from(JSON.stringify(given.run)))
    // At each look at the clock, a second is over.
    const { exitCode, log } = await worked(given)
    assert.equal(exitCode, 65)
    assert.equal(log.find(({ message }) => message === 'bisected')?.ended, 'givenUp')
  })

  it('are BAD_INPUT where they are more than tolerated, and the first is named', async () => {
    const { exitCode, partition } = await worked(await runOf(poisoned(65), { ...texts, text: poison }))
    assert.equal(exitCode, 65)
    const { code, reason } = partition?.failures?.[0] ?? {}
    assert.equal(code, 'BAD_INPUT')
    assert.match(reason ?? '', new RegExp(`at byte ${poison.indexOf('7,poison')}.*exit 65`))
  })

  it('cannot be found where only all of them together are too many', async () => {
    const together = program('if (lines().length > 30) process.exit(65)')
    const { exitCode, partition } = await worked(await runOf(together, { text: poison, rejectedRecords: 5 }))
    assert.equal(exitCode, 65)
    assert.match(partition?.failures?.[0]?.reason ?? '', /together, and on none of them alone/)
  })

  it('cannot be blamed where the program fails on none at all', async () => {
    const given = await runOf(['sh', '-c', 'cat >&2; exit 4'], { text: poison, rejectedRecords: 99 })
    await assign(given, { careful: true })
    const [failure] = (await worked(given)).partition?.failures ?? []
    assert.equal(failure?.code, 'APPLICATION')
    assert.match(failure?.reason ?? '', /exit 4: .*\(on no records, too\)$/s)
  })

  it('are looked for behind other ends only where the attempt is careful', async () => {
    const hasty = await runOf(poisoned(9), { ...texts, text: poison, rejectedRecords: 2 })
    assert.equal((await worked(hasty)).partition?.failures?.[0]?.code, 'APPLICATION')
    const careful = await runOf(poisoned(9), { ...texts, text: poison, rejectedRecords: 2 })
    await assign(careful, { careful: true })
    const { exitCode, partition } = await worked(careful)
    assert.equal(exitCode, 0)
    assert.equal(partition?.report?.recordsRejected, 2)
  })
})
