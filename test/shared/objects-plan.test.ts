/** Lists of objects: found by many listings side by side, packed into equal partitions, in bounded memory. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { listersMax, listPrefix, middleOf } from '../../functions/steps/listing.ts'
import { ListWriter, pagesOfList } from '../../functions/steps/object-list.ts'
import { planObjects } from '../../functions/steps/plan-objects.ts'
import { localConfig } from '../../shared/config.ts'
import type { Assignment } from '../../shared/documents.ts'
import { entryOfLine, inventoryEntry, keyFilter, manifestKind } from '../../shared/manifest.ts'
import { createMemoryClock } from '../../shared/memory/clock.ts'
import { createMemoryObjects } from '../../shared/memory/objects.ts'
import { parsePipeline } from '../../shared/pipeline.ts'
import { objectsPerPartitionMax, Packing, type PlacedObject, packedRound } from '../../shared/plan/objects.ts'
import { isRefusal } from '../../shared/plan/refusal.ts'
import type { ListedObject, Objects } from '../../shared/ports.ts'
import { byUtf8 } from '../../shared/table-rules.ts'
import type { World } from '../../shared/world.ts'

/** S3's listing of these keys, which are sorted. */
function listingOf(keys: readonly string[], bytesOf: (at: number) => number = () => 1) {
  const seen = { calls: 0, underWay: 0, most: 0 }
  const firstBehind = (key: string, equal: boolean): number => {
    let [low, high] = [0, keys.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const order = byUtf8(keys[middle] ?? '', key)
      if (order < 0 || (order === 0 && !equal)) low = middle + 1
      else high = middle
    }
    return low
  }
  const list: Objects['list'] = async (_bucket, prefix, after) => {
    seen.calls++
    seen.most = Math.max(seen.most, ++seen.underWay)
    await turn()
    seen.underWay--
    const from = Math.max(firstBehind(prefix, true), after === undefined ? 0 : firstBehind(after, false))
    const objects: ListedObject[] = []
    let at = from
    while (objects.length < 1000) {
      const key = keys[at]
      if (!key?.startsWith(prefix)) break
      objects.push({ key, bytes: bytesOf(at), etag: 'e', modifiedAt: 0 })
      at++
    }
    const last = objects.at(-1)
    return keys[at]?.startsWith(prefix) && last ? { objects, next: last.key } : { objects }
  }
  return { list, seen }
}

async function listed(keys: readonly string[], prefix: string) {
  const { list, seen } = listingOf(keys)
  const sinks = await listPrefix<string[]>({
    objects: { list },
    bucket: 'b',
    prefix,
    open: () => [],
    take: async (sink, objects) => void sink.push(...objects.map(({ key }) => key)),
  })
  return { keys: sinks.flat(), ...seen }
}

describe('listing a prefix', () => {
  test('gives every key once, in the order of S3, whatever the keys are', async () => {
    const unit = fc.constantFrom('a', 'b', '/', '0', '9', '~', ' ', 'ü', '漢', '😀', '\u007f')
    const key = fc.string({ unit, minLength: 0, maxLength: 5 })
    const property = fc.asyncProperty(
      fc.integer({ min: 0, max: 9000 }),
      fc.array(key),
      async (count, odd) => {
        const many = Array.from({ length: count }, (_, at) => `p/${(at * 7919) % 100_003}`)
        const all = [...new Set([...many, ...odd.map(one => `p/${one}`), ...odd])].toSorted(byUtf8)
        const found = await listed(all, 'p/')
        assert.deepEqual(
          found.keys,
          all.filter(one => one.startsWith('p/')),
        )
      },
    )
    await fc.assert(property, { seed: 20261121, numRuns: 30 })
  })

  test('costs one request for a thousand keys, and few more than that for many', async () => {
    const keys = Array.from({ length: 200_000 }, (_, at) => `p/${String(at).padStart(7, '0')}`)
    assert.equal((await listed(keys.slice(0, 1000), 'p/')).calls, 1)
    assert.equal((await listed(keys.slice(0, 3000), 'p/')).calls, 3)
    const { calls, most } = await listed(keys, 'p/')
    assert.ok(calls < 3 * 200, `${calls} calls`)
    assert.equal(most, listersMax)
  })

  test('ends with the first error, of a listing or of who takes the keys', async () => {
    const { list } = listingOf(Array.from({ length: 9000 }, (_, at) => `p/${at}`).toSorted(byUtf8))
    const take = (): Promise<void> => Promise.reject(new Error(`full at ${list.name}`))
    const listing = listPrefix({ objects: { list }, bucket: 'b', prefix: 'p/', open: () => 0, take })
    await assert.rejects(listing, /full/)
  })

  test('parts keys between any two of them, or not at all', () => {
    const key = fc.string({ minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(key, fc.option(key, { nil: undefined }), (after, until) => {
        if (until !== undefined && byUtf8(after, until) >= 0) return
        const middle = middleOf(`p/${after}`, until === undefined ? undefined : `p/${until}`, 'p/')
        if (middle === undefined) return
        assert.ok(byUtf8(middle, `p/${after}`) > 0)
        assert.ok(until === undefined || byUtf8(middle, `p/${until}`) < 0)
      }),
      { seed: 1 },
    )
  })
})

function packedInto(sizes: readonly number[], targetBytes: number, cuttable = true): Assignment[] {
  const packing = new Packing(targetBytes, () => cuttable)
  let base = 0
  const assignments: Assignment[] = []
  for (const [item, bytes] of sizes.entries()) {
    const object: PlacedObject = { key: `${item}`, bytes, etag: 'e', item, base }
    assignments.push(...packing.add(object))
    base += bytes
  }
  return [...assignments, ...packing.end()]
}

describe('packing objects', () => {
  test('tiles them, numbers partitions one by one, and keeps each within one object of its share', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 60 })
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 150 }), fc.boolean(), (given, target, cuttable) => {
        const cuts = packedInto(given, target, cuttable)
        let at = 0
        for (const [number, { partition, start, end }] of cuts.entries()) {
          assert.deepEqual([partition, start], [number, at])
          assert.ok(end - start <= target + 1 + Math.max(0, ...given))
          at = end
        }
        assert.equal(
          at,
          given.reduce((sum, bytes) => sum + bytes, 0),
        )
      }),
      { seed: 2 },
    )
  })

  test('cuts a large object by itself, and says where it began; a compressed one never', () => {
    assert.deepEqual(packedInto([10, 250, 10], 100), [
      { partition: 0, start: 0, end: 10 },
      { partition: 1, start: 10, end: 110 },
      { partition: 2, start: 110, end: 210, objectStart: 10 },
      { partition: 3, start: 210, end: 260, objectStart: 10 },
      { partition: 4, start: 260, end: 270 },
    ])
    assert.equal(packedInto([10, 250, 10], 100, false).length, 2)
  })

  test('opens no more objects in one partition than a worker can in its time', () => {
    const cuts = packedInto(
      Array.from({ length: objectsPerPartitionMax * 2 + 1 }, () => 1),
      1e9,
    )
    assert.deepEqual(
      cuts.map(({ start, end }) => end - start),
      [objectsPerPartitionMax, objectsPerPartitionMax, 1],
    )
  })
})

test('a million keys are listed and planned in bounded memory, a page at a time', async () => {
  const count = 1_000_000
  const keys = Array.from({ length: count }, (_, at) => `in/${String(at).padStart(7, '0')}`)
  const { list, seen } = listingOf(keys, at => 1 + ((at * 7919) % 1000))
  const state = createMemoryObjects()
  const largest = { page: 0, writes: 0 }
  const write: Objects['write'] = async (ref, body, options) => {
    if (body instanceof Uint8Array) largest.page = Math.max(largest.page, body.length)
    largest.writes++
    return state.write(ref, body, options)
  }
  const read: Objects['read'] = (ref, options) =>
    state.read(
      ref.bucket === 'drops' ? { bucket: 'state', key: 'head' } : ref,
      ref.bucket === 'drops' ? {} : options,
    )
  await state.write({ bucket: 'state', key: 'head' }, Buffer.from('x'))
  const objects: Objects = {
    ...state,
    list,
    head: async () => ({ bytes: 1, etag: 'e', metadata: {} }),
    write,
    read,
  }
  const world = { objects, config: localConfig('', ''), clock: createMemoryClock(0, 1) } as unknown as World
  const writer = new ListWriter(world, 'r')
  const parts = await listPrefix({
    objects,
    bucket: 'drops',
    prefix: 'in/',
    open: () => writer.part(),
    take: (part, found) => writer.add(part, found),
  })
  const source = { prefix: 'in/', format: 'lines' }
  const given = { name: 'a', source, work: { sql: 'SELECT 1' }, output: { prefix: 'o/' } }
  const manifest = { bucket: 'drops', key: 'm', bytes: 1, etag: 'm' }
  const run = await planObjects(
    world,
    'r',
    parsePipeline(given, 'a'),
    manifest,
    await writer.end(parts),
    1_000_000,
  )
  if (isRefusal(run)) return assert.fail(run.words)
  assert.equal(run.objects?.objects, count)
  assert.ok(seen.calls < 2 * 1000, `${seen.calls} listing calls for 1,000 pages of keys`)
  assert.ok(largest.page < 4 * 1024 ** 2 && largest.writes < 500, JSON.stringify(largest))
  const sizes: number[] = []
  for await (const page of packedRound(run, pagesOfList(world, run))) {
    sizes.push(...page.assignments.map(({ start, end }) => end - start))
  }
  assert.equal(sizes.length, run.partitions)
  assert.equal(run.partitions, Math.ceil(run.dataEnd / 1_000_000))
  for (const bytes of sizes) assert.ok(Math.abs(bytes - run.partitionBytes) <= 1001, `${bytes}`)
})

describe('a line of a list', () => {
  test('may be a URI, a key, JSON, or a row of an inventory', () => {
    const understood: [string, object][] = [
      ['s3://b/a key/ü', { bucket: 'b', key: 'a key/ü' }],
      ['plain/key.csv', { key: 'plain/key.csv' }],
      ['\ufeff"quoted/key"', { key: 'quoted/key' }],
      ['{"key":"k","version":"v"}', { key: 'k', version: 'v' }],
      ['"b","a%20+b%2Bc.csv"', { bucket: 'b', key: 'a  b+c.csv' }],
    ]
    for (const [line, entry] of understood) assert.deepEqual(entryOfLine(line, 1), entry, line)
    assert.equal(entryOfLine('  \r', 2), undefined)
    for (const line of ['s3://b', '{"name":1}', '"broken', '"b","%zz"']) {
      assert.throws(() => entryOfLine(line, 7), /line 7|URL-encoded/, line)
    }
  })

  test('tells a list from one document', () => {
    assert.equal(manifestKind('{"prefix":"a/"}'), 'document')
    assert.equal(manifestKind('{\n  "objects": []}'), 'document')
    assert.equal(manifestKind('{"key":"a"}\n{"key":"b"}'), 'lines')
    assert.equal(manifestKind('s3://a/b'), 'lines')
  })

  test('of an inventory is known by its schema', () => {
    const schema = ['Key', 'Size', 'VersionId', 'ETag', 'IsLatest', 'IsDeleteMarker']
    const entry = { key: 'a', version: 'v', bytes: 3, etag: 'e' }
    assert.deepEqual(inventoryEntry('"a","3","v","e","true","false"', schema), entry)
    assert.deepEqual(inventoryEntry('"a","3 KB","v","e","true","false"', schema), { key: 'a', version: 'v' })
    assert.equal(inventoryEntry('"a","3","v","e","false","false"', schema), undefined)
    assert.equal(inventoryEntry('"a","","v","","true","true"', schema), undefined)
  })
})

const takes = (include: string[], exclude: string[], key: string): boolean =>
  keyFilter({ include, exclude })(key)

test('patterns of keys stop at slashes, but for **', () => {
  assert.ok(takes([], [], 'any'))
  assert.ok(takes(['logs/*.csv'], [], 'logs/a.csv'))
  assert.ok(!takes(['logs/*.csv'], [], 'logs/b/a.csv'))
  assert.ok(takes(['logs/**.csv'], [], 'logs/b/a.csv'))
  assert.ok(!takes(['**'], ['**/_*'], 'logs/_tmp'))
  assert.ok(!takes(['a?c'], [], 'a/c'))
  assert.ok(!takes(['a.c'], [], 'abc'))
})
