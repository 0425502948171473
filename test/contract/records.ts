/** What every Records must do, whoever keeps the table. */
import assert from 'node:assert/strict'
import { after, before, describe } from 'node:test'
import { newId } from '../../shared/clock.ts'
import { isError } from '../../shared/errors.ts'
import type { Records } from '../../shared/ports.ts'
import type { Change, Guard, Item, Json, Query, RecordKey } from '../../shared/table.ts'
import { allPages, type SuiteOptions, titled } from './suite.ts'

export interface RecordsUnderTest {
  records: Records
  dispose(): Promise<void>
}

const rivals = 20
const absent: Guard = [{ word: { absent: true } }]
const fresh = (): RecordKey => ({ pk: `TEST#${newId()}`, sk: 'ONE' })
const sks = (items: Item[]): string[] => items.map(item => item.sk)
const numbered = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `PART#${String(at).padStart(4, '0')}`)
const together = <Result>(work: (rival: number) => Promise<Result>): Promise<Result[]> =>
  Promise.all(Array.from({ length: rivals }, (_, rival) => work(rival)))
const refusedAsInvalid = (error: unknown): boolean => isError(error, 'INVARIANT_BROKEN')

export function recordsContract(
  which: string,
  openOne: () => Promise<RecordsUnderTest>,
  options: SuiteOptions = {},
): void {
  describe(`Records: ${which}`, () => {
    let world: RecordsUnderTest
    let records: Records
    before(async () => {
      world = await openOne()
      records = world.records
    })
    after(async () => {
      await world.dispose()
    })
    const it = titled(options)

    const some = async (more: Record<string, Json> = {}): Promise<RecordKey> => {
      const key = fresh()
      await records.put({ ...key, ...more })
      return key
    }
    const page = async (names: string[], more: Record<string, Json> = {}): Promise<string> => {
      const pk = `PAGE#${newId()}`
      for (const sk of names) await records.put({ pk, sk, ...more })
      return pk
    }
    const inOpen = (open: string, openSk: string, more: Record<string, Json> = {}) =>
      records.put({ ...fresh(), open, openSk, ...more })
    const holdsOf = async (more: Record<string, Json>, guard: Guard): Promise<boolean> => {
      const key = await some(more)
      const { ok } = await records.update(key, { set: { touched: true } }, guard)
      assert.equal((await records.get(key))?.touched, ok ? true : undefined)
      return ok
    }
    const changed = async (more: Record<string, Json>, change: Change): Promise<Record<string, unknown>> => {
      const key = await some(more)
      const outcome = await records.update(key, change)
      assert.ok(outcome.ok)
      assert.deepEqual(await records.get(key), outcome.item)
      const { pk, sk, ...rest } = outcome.item
      assert.deepEqual({ pk, sk }, key)
      return rest
    }
    const queried = async (query: Query): Promise<Item[][]> =>
      (await allPages(from => records.query({ ...query, ...(from && { after: from }) }))).map(
        ({ items }) => items,
      )

    describe('one item', () => {
      it('gives back nothing for a key that was never written', async () => {
        assert.equal(await records.get(fresh()), undefined)
      })

      it('gives back every kind of value as it was put', async () => {
        const key = fresh()
        const item = {
          ...key,
          text: 'naïve ☃ 😀 "quoted" \n',
          empty: '',
          whole: 9_007_199_254_740_991,
          negative: -0.125,
          yes: true,
          no: false,
          nothing: null,
          list: [1, 'two', [], { three: [3] }],
          map: { inner: { a: null, b: [] }, 'with space': 1 },
          none: [],
        }
        assert.deepEqual(await records.put(item), { ok: true, item })
        assert.deepEqual(await records.get(key), item)
      })

      it('does not keep attributes that are undefined', async () => {
        const key = fresh()
        const outcome = await records.put({ ...key, kept: 1, left: undefined, map: { left: undefined } })
        assert.deepEqual(outcome, { ok: true, item: { ...key, kept: 1, map: {} } })
        assert.deepEqual(await records.get(key), { ...key, kept: 1, map: {} })
      })

      it('shares nothing with what was handed in or out', async () => {
        const item = { ...fresh(), list: ['a'] }
        const outcome = await records.put(item)
        item.list.push('b')
        const read = await records.get(item)
        for (const copy of [outcome.item?.list, read?.list]) {
          assert.ok(Array.isArray(copy))
          copy.push('c')
        }
        assert.deepEqual((await records.get(item))?.list, ['a'])
      })

      it('replaces the whole item with put', async () => {
        const key = await some({ old: 1, word: 'a' })
        await records.put({ ...key, word: 'b' })
        assert.deepEqual(await records.get(key), { ...key, word: 'b' })
      })

      it('takes an item of almost 400 KiB', async () => {
        const key = await some({ text: 'x'.repeat(400 * 1024 - 200) })
        assert.equal(String((await records.get(key))?.text).length, 400 * 1024 - 200)
      })

      it('cannot take an item of more than 400 KiB, and leaves the one before', async () => {
        const key = await some({ text: 'small' })
        await assert.rejects(records.put({ ...key, text: 'x'.repeat(400 * 1024) }), refusedAsInvalid)
        const list = Array.from({ length: 100_000 }, () => 123_456_789)
        await assert.rejects(records.update(key, { set: { list } }), refusedAsInvalid)
        assert.deepEqual(await records.get(key), { ...key, text: 'small' })
      })

      it('weighs an item in bytes of UTF-8, not in characters', async () => {
        await assert.rejects(records.put({ ...fresh(), text: 'é'.repeat(201 * 1024) }), refusedAsInvalid)
      })
    })

    describe('a guard', () => {
      it('lets the first of two writers create and shows the other what stood in the way', async () => {
        const key = fresh()
        assert.deepEqual(await records.put({ ...key, word: 'first' }, absent), {
          ok: true,
          item: { ...key, word: 'first' },
        })
        const rival = { ok: false, item: { ...key, word: 'first' } }
        assert.deepEqual(await records.put({ ...key, word: 'second' }, absent), rival)
        assert.deepEqual(await records.update(key, { set: { word: 'third' } }, absent), rival)
      })

      it('that needs an attribute cannot hold of an item that is not there', async () => {
        const key = fresh()
        const needs: Guard[] = [
          [{ word: { present: true } }],
          [{ word: { is: 'a' } }],
          [{ word: { oneOf: ['a'] } }],
          [{ count: { atMost: 9 } }],
        ]
        for (const guard of needs) {
          assert.deepEqual(await records.update(key, { set: { touched: true } }, guard), { ok: false })
        }
        assert.equal(await records.get(key), undefined)
      })

      it('tells equal from other, of text, number and truth', async () => {
        assert.equal(await holdsOf({ word: 'a' }, [{ word: { is: 'a' } }]), true)
        assert.equal(await holdsOf({ word: 'a' }, [{ word: { is: 'b' } }]), false)
        assert.equal(await holdsOf({ count: 1 }, [{ count: { is: 1 } }]), true)
        assert.equal(await holdsOf({ count: 1 }, [{ count: { is: '1' } }]), false)
        assert.equal(await holdsOf({ flag: false }, [{ flag: { is: false } }]), true)
        assert.equal(await holdsOf({ flag: false }, [{ flag: { is: true } }]), false)
      })

      it('tells one of several from others', async () => {
        assert.equal(await holdsOf({ word: 'b' }, [{ word: { oneOf: ['a', 'b'] } }]), true)
        assert.equal(await holdsOf({ word: 'c' }, [{ word: { oneOf: ['a', 'b'] } }]), false)
        assert.equal(await holdsOf({ count: 2 }, [{ count: { oneOf: [1, 2] } }]), true)
        assert.equal(await holdsOf({ word: 'a' }, [{ word: { oneOf: [] } }]), false)
      })

      it('tells at most from more, and only of a number', async () => {
        assert.equal(await holdsOf({ count: 2 }, [{ count: { atMost: 2 } }]), true)
        assert.equal(await holdsOf({ count: 10 }, [{ count: { atMost: 9 } }]), false)
        assert.equal(await holdsOf({ count: -1.5 }, [{ count: { atMost: -1.25 } }]), true)
        assert.equal(await holdsOf({ count: '1' }, [{ count: { atMost: 2 } }]), false)
        assert.equal(await holdsOf({}, [{ count: { atMost: 2 } }]), false)
      })

      it('takes a null for a value that is present', async () => {
        assert.equal(await holdsOf({ word: null }, [{ word: { present: true } }]), true)
        assert.equal(await holdsOf({ word: null }, [{ word: { absent: true } }]), false)
      })

      it('holds where any one clause holds whole', async () => {
        const guard: Guard = [
          { word: { absent: true } },
          { word: { oneOf: ['a', 'b'] }, count: { atMost: 1 } },
        ]
        assert.equal(await holdsOf({}, guard), true)
        assert.equal(await holdsOf({ word: 'a', count: 1 }, guard), true)
        assert.equal(await holdsOf({ word: 'a', count: 2 }, guard), false)
        assert.equal(await holdsOf({ word: 'c', count: 1 }, guard), false)
      })

      it('of no clause never holds, of an empty clause always', async () => {
        assert.equal(await holdsOf({ word: 'a' }, []), false)
        assert.equal(await holdsOf({ word: 'a' }, [{}]), true)
        const key = fresh()
        assert.deepEqual(await records.put({ ...key }, []), { ok: false })
        assert.deepEqual(await records.put({ ...key }, [{ word: { is: 'a' } }, {}]), { ok: true, item: key })
      })
    })

    describe('a change', () => {
      it('sets, adds, appends and removes at once, and gives the item as it is after it', async () => {
        const old = { state: 'old', size: 1, list: ['a'], gone: true, kept: 'k' }
        const change: Change = {
          set: { state: 'new', name: { first: 'x' } },
          add: { size: 2 },
          append: { list: ['b', { c: 1 }] },
          remove: ['gone', 'neverThere'],
        }
        assert.deepEqual(await changed(old, change), {
          state: 'new',
          name: { first: 'x' },
          size: 3,
          list: ['a', 'b', { c: 1 }],
          kept: 'k',
        })
      })

      it('counts from 0 and appends to an empty list where there is nothing yet', async () => {
        assert.deepEqual(await changed({}, { add: { count: 1, down: -2 }, append: { list: [1] } }), {
          count: 1,
          down: -2,
          list: [1],
        })
      })

      it('creates the item where there is none, also when it changes nothing', async () => {
        const [key, other] = [fresh(), fresh()]
        assert.deepEqual(await records.update(key, { add: { fence: 1 } }), {
          ok: true,
          item: { ...key, fence: 1 },
        })
        assert.deepEqual(await records.update(other, {}), { ok: true, item: other })
        assert.deepEqual(await records.get(other), other)
      })

      it('cannot name a key attribute, or one attribute twice', async () => {
        const key = await some({ count: 1 })
        const wrong: Change[] = [
          { set: { pk: 'other' } },
          { remove: ['sk'] },
          { set: { count: 5 }, add: { count: 1 } },
          { append: { count: [1] }, remove: ['count'] },
        ]
        for (const change of wrong) await assert.rejects(records.update(key, change), refusedAsInvalid)
        assert.deepEqual(await records.get(key), { ...key, count: 1 })
      })

      it('cannot add to a text or append to a number, and then leaves all of the item alone', async () => {
        const key = await some({ word: 'a', count: 1 })
        const wrong: Change[] = [
          { add: { word: 1 }, set: { more: 1 } },
          { append: { count: [1] }, set: { more: 1 } },
        ]
        for (const change of wrong) await assert.rejects(records.update(key, change), refusedAsInvalid)
        assert.deepEqual(await records.get(key), { ...key, word: 'a', count: 1 })
      })
    })

    describe('rivals', () => {
      it('cannot both create one item: one wins, and the others see who', async () => {
        const key = fresh()
        const outcomes = await together(rival => records.put({ ...key, word: `rival ${rival}` }, absent))
        const winners = outcomes.filter(({ ok }) => ok)
        assert.equal(winners.length, 1)
        for (const { item } of outcomes) assert.deepEqual(item, winners[0]?.item)
      })

      it('that count and append together lose nothing', async () => {
        const key = fresh()
        await together(rival => records.update(key, { add: { count: 1 }, append: { list: [rival] } }))
        const item = await records.get(key)
        assert.equal(item?.count, rivals)
        assert.ok(Array.isArray(item?.list))
        assert.deepEqual(new Set(item.list), new Set(Array.from({ length: rivals }, (_, rival) => rival)))
        assert.equal(item.list.length, rivals)
      })

      it('that claim one after the other each get a fence of their own, and only the last can finish', async () => {
        const key = fresh()
        const claims = await together(() =>
          records.update(key, { set: { word: 'claimed' }, add: { fence: 1 } }, [
            { word: { absent: true } },
            { word: { oneOf: ['claimed', 'failed'] }, round: { absent: true } },
          ]),
        )
        const fences = claims.map(({ item }) => Number(item?.fence))
        assert.equal(new Set(fences).size, rivals)
        assert.equal(Math.max(...fences), rivals)
        const finish = (fence: number) =>
          records.update(key, { set: { word: 'done', by: fence } }, [
            { word: { is: 'claimed' }, fence: { is: fence } },
          ])
        const outcomes = await Promise.all(fences.map(finish))
        const winners = outcomes.filter(({ ok }) => ok)
        assert.deepEqual(
          winners.map(({ item }) => item?.by),
          [rivals],
        )
        assert.equal((await finish(rivals)).ok, false)
      })
    })

    describe('a query', () => {
      it('gives the items of one page in order of their sort keys, both ways', async () => {
        const pk = await page(['b', 'a', 'c'])
        await page(['other'])
        assert.deepEqual((await queried({ pk })).map(sks), [['a', 'b', 'c']])
        assert.deepEqual((await queried({ pk, newestFirst: true })).map(sks), [['c', 'b', 'a']])
        assert.deepEqual(await queried({ pk: 'PAGE#none' }), [[]])
      })

      it('orders by UTF-8 bytes, not as JavaScript compares', async () => {
        const ordered = ['Z', 'a', 'é', '\uffee', '\u{1f600}']
        const pk = await page(ordered.toReversed())
        assert.deepEqual((await queried({ pk })).flatMap(sks), ordered)
        assert.deepEqual((await queried({ pk, limit: 2 })).flatMap(sks), ordered)
      })

      it('takes a prefix of the sort key literally', async () => {
        const pk = await page(['PART#1', 'PART#2', 'PART%', 'PART', 'PARTY', 'ROUND#1', 'part#3'])
        assert.deepEqual((await queried({ pk, skPrefix: 'PART#' })).flatMap(sks), ['PART#1', 'PART#2'])
        assert.deepEqual((await queried({ pk, skPrefix: 'PART#', newestFirst: true })).flatMap(sks), [
          'PART#2',
          'PART#1',
        ])
        assert.deepEqual((await queried({ pk, skPrefix: 'NONE' })).flatMap(sks), [])
      })

      it('gives every item once over pages of any size, both ways', async () => {
        const names = numbered(23)
        const pk = await page(names)
        for (const limit of [1, 7, 22, 23, 24]) {
          const pages = await queried({ pk, limit })
          assert.ok(pages.every(items => items.length <= limit))
          assert.deepEqual(pages.flatMap(sks), names)
          const backwards = await queried({ pk, limit, newestFirst: true, skPrefix: 'PART#' })
          assert.deepEqual(backwards.flatMap(sks), names.toReversed())
        }
      })

      it('goes on behind the last item of the page before, whatever was written since', async () => {
        const pk = await page(['b', 'd', 'f'])
        const first = await records.query({ pk, limit: 2 })
        for (const sk of ['a', 'c', 'e']) await records.put({ pk, sk })
        const second = await records.query({ pk, ...(first.next && { after: first.next }) })
        assert.deepEqual(
          [sks(first.items), sks(second.items)],
          [
            ['b', 'd'],
            ['e', 'f'],
          ],
        )
      })

      it('ends a page at about 1 MiB and goes on with the next', async () => {
        const names = numbered(12)
        const pk = await page(names, { text: 'x'.repeat(200_000) })
        const pages = await queried({ pk })
        assert.ok(pages.length >= 2, `${pages.length} page`)
        assert.ok(pages.every(items => items.length <= 6))
        assert.deepEqual(pages.flatMap(sks), names)
      })

      it('cannot go on with the cursor of another query, or with none of ours', async () => {
        const pk = await page(['a', 'b'])
        const { next = '' } = await records.query({ pk, limit: 1 })
        assert.notEqual(next, '')
        const wrong: Query[] = [
          { pk: 'PAGE#other', after: next },
          { index: 'open', pk, after: next },
          { pk, after: 'nonsense' },
          { pk, after: Buffer.from('[1]').toString('base64url') },
        ]
        for (const query of wrong) {
          await assert.rejects(records.query(query), error => isError(error, 'MALFORMED'))
        }
      })
    })

    describe('an index', () => {
      it('holds only the items that have both its attributes', async () => {
        const [open, pipeline] = [newId(), newId()]
        await inOpen(open, '2')
        await inOpen(open, '1', { pipeline, pipelineSk: '1' })
        await records.put({ ...fresh(), open })
        await records.put({ ...fresh(), pipeline, word: 'no sort key' })
        const [items = []] = await queried({ index: 'open', pk: open })
        assert.deepEqual(
          items.map(item => item.openSk),
          ['1', '2'],
        )
        assert.equal((await queried({ index: 'pipeline', pk: pipeline })).flat().length, 1)
      })

      it('is left by an item that loses its attributes, and entered by one that gets them', async () => {
        const open = newId()
        const key = await some()
        const count = async () => (await queried({ index: 'open', pk: open })).flat().length
        await records.update(key, { set: { open, openSk: '1' } })
        assert.equal(await count(), 1)
        await records.update(key, { remove: ['open', 'openSk'] })
        assert.equal(await count(), 0)
      })

      it('gives every item once over its pages, both ways, also where sort keys are equal', async () => {
        const open = newId()
        const names = ['a', 'a', 'a', 'b', 'c', 'c', 'd']
        for (const [at, name] of names.entries()) await inOpen(open, name, { at })
        for (const newestFirst of [false, true]) {
          const items = (await queried({ index: 'open', pk: open, limit: 2, newestFirst })).flat()
          assert.deepEqual(
            items.map(item => item.openSk),
            newestFirst ? names.toReversed() : names,
          )
          assert.equal(new Set(items.map(item => item.at)).size, names.length)
        }
      })

      it('takes a prefix of its own sort key', async () => {
        const open = newId()
        for (const name of ['2026-01#a', '2026-02#b', '2026-02#c']) await inOpen(open, name)
        const items = (await queried({ index: 'open', pk: open, skPrefix: '2026-02' })).flat()
        assert.deepEqual(
          items.map(item => item.openSk),
          ['2026-02#b', '2026-02#c'],
        )
      })
    })
  })
}
