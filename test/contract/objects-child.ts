/** A process that writes local objects, to be killed: `node objects-child.ts <data folder> <what it does>`. */
import { createHash } from 'node:crypto'
import path from 'node:path'
import { openLocalObjects } from '../../local/objects/objects.ts'
import { systemClock } from '../../shared/clock.ts'
import { isError } from '../../shared/errors.ts'

const [, , dir = '', verb = ''] = process.argv
const die = (): never => {
  process.kill(process.pid, 'SIGKILL')
  throw new Error('still alive')
}
const writesMax = 100_000

/** What was announced, one line each: the key and the version. */
const say = async (created: { key: string; version: string }): Promise<void> => {
  await new Promise<void>(written => {
    process.stdout.write(`${created.key} ${created.version}\n`, () => written())
  })
}

const objects = openLocalObjects({
  dir: path.join(dir, 'objects'),
  dbFile: path.join(dir, 'objects.db'),
  clock: systemClock,
  // Asked between the rename and the commit.
  announces: bucket => (verb === 'die renamed' ? die() : bucket === 'drops'),
  announce: async created => (verb === 'die announcing' ? die() : say(created)),
})

/** Some content that proves its own wholeness. */
function provable(count: number): Buffer {
  const content = Buffer.alloc(1000 + (count % 50) * 4000, `content ${count} `)
  return Buffer.concat([content, createHash('sha256').update(content).digest()])
}

async function writeOnAndOn(): Promise<void> {
  for (let count = 0; count < writesMax; count++) {
    await objects.write({ bucket: 'drops', key: `folder ${count % 7}/${count % 11}.csv` }, provable(count))
  }
}

const verbs: Record<string, () => Promise<unknown>> = {
  'die announcing': () => objects.write({ bucket: 'drops', key: 'a.csv' }, Buffer.from('new')),
  'die renamed': () => objects.write({ bucket: 'drops', key: 'a.csv' }, Buffer.from('new')),
  'write a big one': () => objects.write({ bucket: 'drops', key: 'big' }, { file: path.join(dir, 'big') }),
  'write on and on': writeOnAndOn,
  async 'write once'() {
    const mine = `${process.pid}`
    const won = await objects.write({ bucket: 'state', key: 'one' }, Buffer.from(mine), { once: true }).then(
      () => true,
      (error: unknown) => {
        if (isError(error, 'OBJECT_EXISTS')) return false
        throw error
      },
    )
    process.stdout.write(`${won ? 'won' : 'lost'} ${mine}\n`)
  },
}
await verbs[verb]?.()
