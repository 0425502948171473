/** A process that counts in a local table: `node records-child.ts <file> <times>`; 0 for ever, a line for each. */
import { openLocalRecords } from '../../local/records.ts'

const [, , dbFile = '', times = ''] = process.argv
const key = { pk: 'COUNT', sk: 'ONE' }
const countsMax = Number(times) || 1_000_000

const records = openLocalRecords(dbFile)
for (let count = 0; count < countsMax; count++) {
  const { item } = await records.update(key, {
    add: { count: 1 },
    append: count % 100 === 0 ? { list: [process.pid] } : {},
  })
  // Every step of the loop is synchronous: without this await, a line that the pipe cannot take at once waits for ever.
  if (times === '0') await new Promise(written => process.stdout.write(`${item?.count}\n`, written))
}
records.close()
