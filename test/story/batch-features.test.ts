/** What a pipeline asks of Batch, on real processes: nodes, secrets, a line. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { environment } from '../../shared/config.ts'
import { RunState } from '../../shared/vocabulary.ts'
import { publishedRows } from './published.ts'
import { dropped, openStory, partitionOf, type Story } from './story.ts'

const meetingPlace = mkdtempSync(path.join(os.tmpdir(), 'millrace-nodes-'))
const columns = { said: 'VARCHAR' }
const shared = { source: { format: 'lines' }, retry: { attempts: 2, backoffSeconds: 0 } }

/** The main node waits for a word of the other one, which is given no records. */
const together = `if [ $MILLRACE_NODE_INDEX != 0 ]; then
    cat > "$PLACE/given.$MILLRACE_NODE_INDEX"; touch "$PLACE/here.$MILLRACE_NODE_INDEX"; exit 3
  fi
  tries=0; while [ ! -e "$PLACE/here.1" ] && [ $tries -lt 200 ]; do tries=$((tries + 1)); sleep 0.05; done
  printf '{"said": "%s of %s, %s records, %s"}\\n' $MILLRACE_NODE_INDEX $AWS_BATCH_JOB_NUM_NODES $(grep -c .) "$TOKEN"`
/** Each sees what those before it have left. */
const inLine = `seen=$(ls "$PLACE" | grep -c part || true); touch "$PLACE/part.$MILLRACE_PARTITION"
  if [ $MILLRACE_PARTITION = 1 ] && [ ! -e "$PLACE/tried" ]; then
    rm "$PLACE/part.1"; touch "$PLACE/tried"; exit 75
  fi
  echo "{\\"said\\": \\"$MILLRACE_PARTITION after $seen\\"}"`

const work = (script: string) => ({ command: ['sh', '-c', script], columns })
const job = { memoryMiB: 512, environment: { PLACE: meetingPlace } }
const pipelines = {
  'together.ts': {
    ...shared,
    name: 'together',
    source: { ...shared.source, prefix: 'together/' },
    work: work(together),
    output: { prefix: 'together/', format: 'ndjson' },
    job: { ...job, nodes: 2, secrets: { TOKEN: 'token' } },
  },
  'line.ts': {
    ...shared,
    name: 'line',
    source: { ...shared.source, prefix: 'line/' },
    work: work(inLine),
    output: { prefix: 'line/', format: 'ndjson' },
    job: { ...job, sequential: true },
  },
}

let story: Story

before(async () => {
  Object.assign(environment(), { TOKEN: 'hush-hush' })
  story = await openStory(pipelines)
})
after(async () => {
  await story?.close()
  rmSync(meetingPlace, { recursive: true, force: true })
})

const rowsOf = (certificate: string | undefined) =>
  publishedRows({ dataDir: story.dataDir, certificate: certificate ?? '' })

describe('A pipeline that asks more of Batch', () => {
  it('has its command run on every node, by the main one with the records, with its secrets', async () => {
    const run = await dropped(story, 'together/a.txt', 'one\ntwo\nthree\n')
    assert.equal(run.state, RunState.SUCCEEDED, JSON.stringify(run.failure))
    assert.deepEqual(await rowsOf(run.certificate), [['0 of 2, 3 records, hush-hush']])
    assert.deepEqual(
      readdirSync(meetingPlace).filter(name => name.includes('.1')),
      ['given.1', 'here.1'],
    )
    assert.deepEqual(await partitionOf(story, run.runId, 0).then(one => one?.failures ?? []), [])
  })

  it('has its partitions worked in line, and those behind a failed one in the next round', async () => {
    const text = ['a', 'b', 'c', 'd'].map(letter => `${letter.repeat(9)}\n`).join('')
    const run = await dropped(story, 'line/a.txt', text, { partitionBytes: 10 })
    assert.deepEqual([run.state, run.round], [RunState.SUCCEEDED, 2], JSON.stringify(run.failure))
    assert.deepEqual(await rowsOf(run.certificate), [
      ['0 after 0'],
      ['1 after 1'],
      ['2 after 2'],
      ['3 after 3'],
    ])
    const codes = await Promise.all(
      [1, 2, 3].map(async task =>
        (await partitionOf(story, run.runId, task))?.failures?.map(one => one.code),
      ),
    )
    assert.deepEqual(codes, [['TEMPORARY'], ['SUPERSEDED'], ['SUPERSEDED']])
  })
})
