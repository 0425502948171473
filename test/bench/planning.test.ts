/** What planning may cost at most, however large the object: held by counting, on objects that are not there. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { serialObjects, splittableObjects } from '../../bench/large-objects.ts'
import { plannedFormats } from '../../bench/planning-formats.ts'
import { simulatedObjects } from '../../bench/simulated.ts'

const getsMax = 5
const bytesReadMax = 16 * 1024 ** 2
/** Of the run's document and its ten pages. */
const puts = 11

describe('planning an object of 10 TB', () => {
  it('into 10,000 partitions takes a few requests, in every format that can be cut', async () => {
    for (const planned of await plannedFormats(await splittableObjects())) {
      const { title, partitions, splits, heads, gets, bytesRead } = planned
      assert.deepEqual({ partitions, splits, heads }, { partitions: 10_000, splits: false, heads: 1 }, title)
      assert.ok(gets <= getsMax && bytesRead <= bytesReadMax, `${title}: ${gets} GETs of ${bytesRead} bytes`)
      assert.equal(planned.puts, puts, title)
    }
  })

  it('opens the split stage for a format that cannot, as cheaply', async () => {
    for (const { title, splits, heads, gets, bytesRead } of await plannedFormats(serialObjects())) {
      assert.deepEqual({ splits, heads }, { splits: true, heads: 1 }, title)
      assert.ok(gets <= getsMax && bytesRead <= bytesReadMax, `${title}: ${gets} GETs of ${bytesRead} bytes`)
    }
  })
})

describe('a simulated object', () => {
  const content = { bytes: 25, unit: Buffer.from('abcdefgh'), last: Buffer.from('END') }
  const read = async (start: number, end: number) => {
    const { objects } = simulatedObjects('drops', content)
    const stream = await objects.read({ bucket: 'drops', key: 'a' }, { range: { start, end } })
    return Buffer.concat(await stream.toArray()).toString()
  }

  it('is the same bytes however it is read', async () => {
    const whole = await read(0, 25)
    assert.equal(whole, 'abcdefghabcdefghabcdefEND')
    for (let start = 0; start < 25; start++) {
      for (let end = start + 1; end <= 25; end++) {
        assert.equal(await read(start, end), whole.slice(start, end))
      }
    }
  })
})
