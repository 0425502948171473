/** Who may wish that an attempt leaves off, and what becomes of the attempt. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import type { Objects } from '../../shared/ports.ts'
import { recordKeys } from '../../shared/records.ts'
import { PartitionState } from '../../shared/vocabulary.ts'
import { Leave } from '../../worker/notice/leave.ts'
import { askForNotice } from '../../worker/notice/metadata.ts'
import { formatOf } from '../../worker/read/format.ts'
import { isGuessed, provenStart } from '../../worker/read/partition.ts'
import { avroFile, block, bytes, long, recordOf } from './avro-file.ts'
import { buckets, type Given, givenRun, runId, worked } from './given.ts'
import { plannedAndTaken } from './planned.ts'

const text = `a,b\n${Array.from({ length: 9 }, (_, at) => `${at},x\n`).join('')}`
const dataStart = 4
/** Behind four records. */
const half = 20

/** Sleeps end when `tick` is called, or with their signal. */
function sleeping(given: Given) {
  let tick = Promise.withResolvers<void>()
  const sleep = async (ms: number, signal?: AbortSignal) => {
    asked.push(ms)
    const ended = Promise.withResolvers<void>()
    signal?.addEventListener('abort', () => ended.resolve(), { once: true })
    await Promise.race([tick.promise, ended.promise])
  }
  const asked: number[] = []
  const wake = () => {
    tick.resolve()
    tick = Promise.withResolvers()
  }
  return { given: { ...given, clock: { ...given.clock, sleep } }, asked, wake }
}

/** The source comes in two chunks; `between` is awaited before the second, `before` before the first. */
function inHalves(
  { objects }: Given,
  between: () => Promise<unknown> | undefined,
  before: () => void = () => {},
): Objects {
  async function* halves(all: Buffer) {
    before()
    yield all.subarray(0, half - dataStart)
    await between()
    yield all.subarray(half - dataStart)
  }
  return {
    ...objects,
    read: async (ref, options) => {
      const stream = await objects.read(ref, options)
      if (ref.bucket !== buckets.drops) return stream
      return Readable.from(halves(Buffer.concat(await stream.toArray())))
    },
  }
}

async function serving(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, [Symbol.asyncDispose]: async () => void server.close() }
}

describe('An attempt', () => {
  for (const [askedToYield, left] of [
    [1, true],
    [2, false],
  ] as const) {
    test(`${left ? 'leaves off' : 'cannot be made to leave off'} where attempt ${askedToYield} is asked to`, async () => {
      const { given, asked, wake } = sleeping(await givenRun({ text }))
      const leave = new Leave()
      const looked = Promise.withResolvers<void>()
      const get: Given['records']['get'] = async key => {
        const item = await given.records.get(key)
        if (item?.askedToYield !== undefined) looked.resolve()
        return item
      }
      const objects = inHalves(given, async () => {
        await given.records.update(recordKeys.partition(runId, 0), { set: { askedToYield } })
        wake()
        await looked.promise
        await new Promise(setImmediate)
      })
      const { exitCode, partition, log } = await worked(given, {
        objects,
        records: { ...given.records, get },
        leave,
      })
      const { state, report } = partition ?? {}
      assert.deepEqual([exitCode, state, asked[0]], [0, PartitionState.SUCCEEDED, 30_000])
      const rest = left ? { at: half, why: 'asked' } : undefined
      assert.deepEqual([report?.rest, report?.range?.end], [rest, left ? half : text.length])
      assert.equal(report?.recordsWritten, left ? 4 : 9)
      assert.equal(log.filter(({ message }) => message === 'asked to leave off').length, left ? 1 : 0)
    })
  }

  test('asks nobody any more once it is over', async () => {
    const { given, asked } = sleeping(await givenRun({ text }))
    const { exitCode } = await worked(given, { leave: new Leave(), metadataUrl: 'http://127.0.0.1:9' })
    assert.deepEqual([exitCode, asked], [0, [30_000, 1_000]])
  })

  test('stops looking for Spot notices where nobody answers, says so once, and goes on', async () => {
    await using server = await serving((_, response) => response.writeHead(403).end())
    const { given, wake } = sleeping(await givenRun({ text }))
    let isSaid = false
    const objects = inHalves(given, async () => {
      while (!isSaid) {
        wake()
        await new Promise(setImmediate)
      }
    })
    const { exitCode, partition, log } = await worked(given, {
      objects,
      leave: new Leave(),
      metadataUrl: server.url,
      onLine: message => {
        if (String(message).startsWith('Spot notices')) isSaid = true
      },
    })
    assert.deepEqual([exitCode, partition?.report?.recordsWritten], [0, 9])
    const said = log.filter(({ message }) => String(message).startsWith('Spot notices'))
    assert.deepEqual(
      said.map(({ because }) => because),
      ['answered 403 to the wish for a token'],
    )
  })

  test('that hears SIGTERM before it has read a record stops, and leaves the partition as it is', async () => {
    const { given } = sleeping(await givenRun({ text }))
    const leave = new Leave()
    const objects = inHalves(
      given,
      async () => {},
      () => leave.end(),
    )
    const { exitCode, partition, left } = await worked(given, { objects, leave })
    const { state, report, failures } = partition ?? {}
    assert.deepEqual([exitCode, state, report, failures], [143, PartitionState.RUNNING, undefined, undefined])
    assert.deepEqual(left, [])
  })

  test('with a Spot notice before its first record takes what comes, for it would cost an attempt to stop', async () => {
    const { given } = sleeping(await givenRun({ text }))
    const leave = new Leave()
    const objects = inHalves(
      given,
      async () => {},
      () => leave.ask('notice'),
    )
    const { exitCode, partition } = await worked(given, { objects, leave })
    assert.deepEqual([exitCode, partition?.report?.rest], [0, { at: 8, why: 'notice' }])
  })

  test('that hears SIGTERM when all is read finishes', async () => {
    const { given } = sleeping(await givenRun({ text }))
    const leave = new Leave()
    const { exitCode, partition } = await worked(given, {
      leave,
      onLine: message => void (message === 'read' && leave.end()),
    })
    assert.deepEqual(
      [exitCode, partition?.report?.rest, partition?.report?.recordsWritten],
      [0, undefined, 9],
    )
  })

  test('that hears SIGTERM before its claim claims nothing', async () => {
    const { given } = sleeping(await givenRun({ text }))
    const leave = new Leave()
    leave.end()
    const { exitCode, partition } = await worked(given, { leave })
    assert.deepEqual([exitCode, partition], [143, undefined])
  })
})

describe('The instance', () => {
  test('is asked with a token of its own, again with the same one, and for a new one where that is refused', async () => {
    const asked: string[] = []
    let status = 404
    await using server = await serving(({ method, url, headers }, response) => {
      const [token] = [headers['x-aws-ec2-metadata-token']]
      asked.push(`${method} ${url} ${token ?? headers['x-aws-ec2-metadata-token-ttl-seconds']}`)
      response.writeHead(method === 'PUT' ? 200 : status).end('token')
    })
    const none = await askForNotice(server.url)
    assert.deepEqual(none, { notice: false, token: 'token' })
    status = 200
    assert.deepEqual(await askForNotice(`${server.url}/`, none.token), { notice: true, token: 'token' })
    status = 401
    assert.deepEqual(await askForNotice(server.url, none.token), { notice: false, fault: 'answered 401' })
    const question = 'GET /latest/meta-data/spot/instance-action token'
    assert.deepEqual(asked, ['PUT /latest/api/token 21600', question, question, question])
  })

  test('that cannot be reached gives no notice, and no error', async () => {
    const { url, [Symbol.asyncDispose]: close } = await serving(() => {})
    await close()
    assert.match((await askForNotice(url)).fault ?? '', /ECONNREFUSED/)
    assert.match((await askForNotice('no URL')).fault ?? '', /Invalid URL/)
  })
})

test('a value that fits no column is found again in an Avro partition that was left behind it', async () => {
  const record = (at: number) => Buffer.concat([long(at), bytes('x')])
  const blocks = [1, 40_000, 3, 4].map(at => block([record(at)]))
  const content = avroFile(recordOf({ a: 'long', b: 'string' }), blocks)
  const source = { format: 'avro', columns: { a: 'SMALLINT', b: 'VARCHAR' } }
  const { given } = sleeping(await plannedAndTaken({ content, source, rejectedRecords: 1 }))
  const leave = new Leave()
  // Between the second block and the third.
  let looks = 0
  Object.defineProperty(leave, 'why', { get: () => (looks++ < 4 ? undefined : 'asked') })
  const { exitCode, partition } = await worked(given, { leave })
  const { report } = partition ?? {}
  assert.deepEqual([exitCode, report?.rest?.why, report?.recordsRejected], [0, 'asked', 1])
  assert.ok((report?.rest?.at ?? 0) < content.length)
})

test('a start that an attempt left off at, whose own start was a guess, is proven from the left before it is blamed', async () => {
  const quoted = `a,b\n1,"${'2,3\n'.repeat(9)}"\n4,5\n6,7\n`
  const { run, objects } = await givenRun({ text: quoted })
  const wrong = quoted.indexOf('2,3') + 8
  const assignment = { partition: 7, start: wrong, exactStart: wrong, end: quoted.length }
  const source = { run, objects, format: formatOf(run), assignment }
  assert.equal(isGuessed(source), false)
  const unproven = { ...source, assignment: { ...assignment, unproven: true as const } }
  assert.equal(isGuessed(unproven), true)
  assert.deepEqual(await provenStart(unproven), { exactStart: quoted.indexOf('4,5') })
})

test('of several wishes that it leaves off, the first says why', async () => {
  const leave = new Leave()
  leave.ask('asked')
  leave.end()
  assert.deepEqual([leave.why, await leave.asked, leave.ending.aborted], ['asked', 'asked', true])
})
