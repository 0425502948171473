/** Every line of the table of Batch's features in docs/batch.md is deployed, and submitted. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import vm from 'node:vm'
import { batchResources } from '../../../infra/batch/resources.ts'
import { settingsFrom } from '../../../infra/batch/settings.ts'
import { submission } from '../../../shared/aws/submission.ts'
import { requestFor } from '../../../shared/job-request.ts'
import { type Pipeline, parsePipeline } from '../../../shared/pipeline.ts'
import { placeOf } from '../../../shared/placement.ts'
import { cutsOf } from '../../../shared/plan.ts'
import { documentOf } from '../../shared/given.ts'

const page = path.resolve(import.meta.dirname, '../../../docs/batch.md')
const sourceBytes = 12 * 1024 ** 2
/** Where the pipeline says nothing. */
const partitionBytes = 4 * 1024 ** 2

interface Row {
  feature: string
  settings: string
  becomes: string[]
}

function rowsOf(markdown: string): Row[] {
  const [, table = ''] = markdown.split('| AWS Batch feature |')
  const lines = table.split('\n').slice(2)
  return lines
    .slice(
      0,
      lines.findIndex(line => !line.startsWith('|')),
    )
    .map(line => line.split('|').map(cell => cell.trim()))
    .map(([, feature = '', settings = '', becomes = '']) => ({
      feature,
      settings,
      becomes: quoted(becomes),
    }))
}

const quoted = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)
const literal = (code: string): unknown => JSON.parse(JSON.stringify(vm.runInNewContext(`(${code})`)))
/** Of the settings cell, what is written as a pipeline file has it. */
const snippetOf = ({ settings }: Row): string | undefined =>
  quoted(settings).find(code => /^(job|retry|split|work): \{/.test(code))

function pipelineOf(snippet: string): Pipeline {
  const given = literal(`{ ${snippet} }`) as object
  const base = {
    name: 'orders',
    source: { prefix: 'orders/', format: 'lines' },
    work: { sql: 'SELECT line FROM input' },
    output: { prefix: 'curated/orders/' },
  }
  return parsePipeline({ ...base, ...given }, 'orders.ts')
}

const settingsWith = (fairShare: boolean) =>
  settingsFrom({
    stage: 'dev',
    image: '',
    imageTag: '1',
    maxvCpus: 256,
    maxvCpusOnDemand: 64,
    fairShare,
    instanceTypes: 'c7i',
    instanceTypesArm64: 'c7g',
    instanceTypesGpu: 'g5',
    network: 'public',
  })

/** What is deployed and submitted for a pipeline, by the word that the table begins it with. */
function madeOf(pipeline: Pipeline, fairShare: boolean): [kind: string, made: unknown][] {
  const settings = settingsWith(fairShare)
  const { Resources } = batchResources([pipeline], settings)
  const deployed = Object.values(Resources).map((node): [string, unknown] => {
    const { Type, Properties } = node as { Type: string; Properties: unknown }
    return [Type.split(/:+/).at(-1) ?? '', Properties]
  })
  const cuts = cutsOf(sourceBytes, pipeline.split.partitionBytes ?? partitionBytes)
  const size = 'partitions' in cuts && pipeline.job.nodes === undefined ? cuts.partitions : 1
  const tie = { runId: `orders_${'a'.repeat(24)}`, round: 1, chunk: 0 }
  const request = requestFor(documentOf(1, pipeline), placeOf(settings, pipeline), tie, size, {}, undefined)
  return [...deployed, ['SubmitJob', submission(request)]]
}

/** Everything that is expected is there; of a list its members are, in any order. */
function holds(made: unknown, expected: unknown): boolean {
  if (Array.isArray(expected))
    return Array.isArray(made) && expected.every(one => made.some(other => holds(other, one)))
  if (typeof expected !== 'object' || expected === null) return Object.is(made, expected)
  if (typeof made !== 'object' || made === null) return false
  return Object.entries(expected).every(([name, one]) => holds((made as Record<string, unknown>)[name], one))
}

function assertBecomes(made: [string, unknown][], becomes: string): void {
  const [kind = '', ...rest] = becomes.split(' ')
  const expected = literal(rest.join(' '))
  const alike = made.filter(([name]) => name === kind).map(([, properties]) => properties)
  const found = alike.some(properties => holds(properties, expected))
  assert.ok(found, `no ${kind} holds ${JSON.stringify(expected)} but ${JSON.stringify(alike, null, 1)}`)
}

const rows = rowsOf(readFileSync(page, 'utf8'))

test('the table has a line for every feature that the project promises', () => {
  const promised =
    'Spot compute environment,priorities,retryStrategy,timeout,environment,secrets,tags,volumes,ulimits,overrides,command,dependsOn,array jobs,GPU,multi-node,Fargate,fair share,log configuration,jobStateTimeLimitActions,consumable resources'.split(
      ',',
    )
  const features = rows.map(({ feature }) => feature).join('\n')
  assert.deepEqual(
    promised.filter(feature => !features.includes(feature)),
    [],
  )
})

for (const row of rows) {
  const { feature, settings, becomes } = row
  if (becomes.length === 0) continue
  test(`becomes what the table says: ${feature}`, () => {
    const made = madeOf(pipelineOf(snippetOf(row) ?? ''), settings.includes('fairShare=true'))
    for (const one of becomes) assertBecomes(made, one)
  })

  if (snippetOf(row) === undefined || feature === 'command') continue
  test(`is not there without its settings: ${feature}`, () => {
    const made = madeOf(pipelineOf(''), false)
    assert.throws(() => {
      for (const one of becomes) assertBecomes(made, one)
    }, /no \w+ holds/)
  })
}
