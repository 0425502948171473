/** What is generated, of whatever pipelines and stages there may be: it holds together, and keeps them apart. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { asWritten } from '../../../infra/as-written.ts'
import { batchResources } from '../../../infra/batch/resources.ts'
import { settingsFrom } from '../../../infra/batch/settings.ts'
import { networkResources } from '../../../infra/network/resources.ts'
import { scheduleResources } from '../../../infra/schedules.ts'
import { sourceBucketResources } from '../../../infra/source-buckets.ts'
import { readYaml } from '../../../local/serverless/variables.ts'
import { isError } from '../../../shared/errors.ts'
import { type Pipeline, parsePipeline } from '../../../shared/pipeline.ts'
import { pipelineSet } from '../../../shared/pipelines.ts'
import { placeOf } from '../../../shared/placement.ts'
import { at, type Node, ofType, type Resource, type Template } from '../packaged.ts'
import { resolved } from '../policy/resolve.ts'
import { matches } from '../policy/statements.ts'
import { lostReferences } from '../references.ts'

const infra = path.resolve(import.meta.dirname, '../../../infra')
const files = ['key', 'storage', 'events', 'batch', 'function-roles', 'alarms', 'dashboard']
const written = files.map(file => readYaml(path.join(infra, `${file}.yml`)) as Partial<Template>)
/** Of serverless.yml's own files: only that they are there. */
const fixed: Record<string, Resource> = Object.assign({}, ...written.map(({ Resources }) => Resources))
const sample = { seed: 20_261_121, numRuns: 150 }

const word = (min: number, max: number): fc.Arbitrary<string> =>
  fc.stringMatching(new RegExp(`^[a-z][a-z0-9-]{${min - 1},${max - 1}}$`))
const text = fc.string({
  minLength: 1,
  maxLength: 20,
  unit: fc.constantFrom(...'ab/*?_- é:', '${', '}', '$'),
})
const prefix = text.map(some => `${some.replace(/^\/+/, 'x')}/`)
const job = fc.oneof(
  fc.record(
    {
      queue: fc.constantFrom('critical', 'daily', 'backfill'),
      architecture: fc.constantFrom('x86_64', 'arm64'),
      environment: fc.dictionary(fc.constantFrom('A', 'B', 'TMPDIR'), text),
      secrets: fc.dictionary(fc.constantFrom('C', 'D'), fc.constantFrom('a/b', 'ssm:/x', 'a/b:key::')),
      tags: fc.dictionary(fc.constantFrom('Team', 'stage'), fc.constantFrom('data', '')),
      sequential: fc.boolean(),
      schedulingPriority: fc.nat(9999),
    },
    { requiredKeys: [] },
  ),
  fc.constant({ platform: 'FARGATE' }),
  fc.constant({ gpus: 1 }),
  fc.constant({ instances: { types: ['c7i'] } }),
  fc.constant({ nodes: 2 }),
)
const input = fc.record({
  name: fc.oneof(word(1, 40), word(40, 40), fc.constantFrom('a', 'a-b', 'ab', 'a-b-c', 'own-a', 'gpu')),
  prefix,
  output: prefix,
  job,
  bucket: fc.option(fc.constantFrom('lake', 'lake.two', 'a'.repeat(63)), { nil: undefined }),
  schedule: fc.option(fc.constant({ expression: 'rate(1 day)' }), { nil: undefined }),
})

/** Of what is drawn, what a user's folder may hold: those that are valid, and can be together. */
function sound(drawn: readonly (typeof input extends fc.Arbitrary<infer One> ? One : never)[]): Pipeline[] {
  const found: Pipeline[] = []
  for (const [index, one] of drawn.entries()) {
    const { name, bucket, schedule } = one
    const place = {
      prefix: `${index}${one.prefix}`,
      ...(bucket && { bucket }),
      ...(schedule && { schedule }),
    }
    const whole = {
      name,
      source: { ...place, format: 'lines' },
      work: 'nodes' in one.job ? { command: ['/w'], columns: { id: 'BIGINT' } } : { sql: 'SELECT 1' },
      output: { prefix: one.output },
      job: one.job,
    }
    try {
      const more = parsePipeline(whole, `${name}.ts`)
      pipelineSet(Object.fromEntries([...found, more].map(each => [`${each.name}.ts`, each])))
      if (!found.some(each => each.name === name)) found.push(more)
    } catch (error) {
      if (!isError(error, 'PIPELINE_INVALID')) throw error
    }
  }
  return found
}

const stage = fc.record({
  stage: fc.oneof(word(1, 32), word(32, 32)),
  fairShare: fc.constantFrom('true', 'false'),
  network: fc.constantFrom('public', 'private'),
  zones: fc.constantFrom('', 'eu-central-1a', 'us-east-1a,us-east-1b,us-east-1f'),
  egressPorts: fc.constantFrom('', '5432', '22,443,5432'),
})
type Stage = typeof stage extends fc.Arbitrary<infer One> ? One : never

const params = {
  image: '123456789012.dkr.ecr.us-east-1.amazonaws.com/worker@sha256:00',
  maxvCpus: 256,
  maxvCpusOnDemand: 64,
  instanceTypes: 'c7i',
  instanceTypesArm64: 'c7g',
  instanceTypesGpu: 'g5',
}

function stageOf(drawn: Stage, pipelines: readonly Pipeline[]) {
  const settings = settingsFrom({ ...params, ...drawn })
  const parts = [
    batchResources(pipelines, settings).Resources,
    networkResources(settings.network),
    sourceBucketResources(pipelines),
    scheduleResources(pipelines, drawn.stage),
  ].map(part => asWritten(part) as Record<string, Resource>)
  const ids = [...parts, fixed].flatMap(part => Object.keys(part))
  const Conditions = Object.assign({}, ...written.map(one => one.Conditions ?? {}))
  const template: Template = { Resources: Object.assign({}, fixed, ...parts), Conditions, Outputs: {} }
  return { template, ids, generated: Object.assign({}, ...parts) as Record<string, Resource>, settings }
}

const holds = (judge: (stage: ReturnType<typeof stageOf>, pipelines: Pipeline[]) => void): void =>
  fc.assert(
    fc.property(fc.array(input, { maxLength: 6 }), stage, (drawn, where) => {
      const pipelines = sound(drawn)
      judge(stageOf(where, pipelines), pipelines)
    }),
    sample,
  )
const namesOf = (template: Template, type: string, key: string): string[] =>
  ofType(template, type).map(([, { Properties }]) => String(Properties[key]))

describe('whatever the pipelines and the stage', () => {
  it('no two parts have one id, and every reference resolves', () => {
    holds(({ template, ids, generated }) => {
      assert.equal(new Set(ids).size, ids.length)
      for (const id of Object.keys(generated)) assert.match(id, /^[A-Za-z0-9]{1,255}$/)
      const lost = lostReferences({ ...template, Resources: { ...template.Resources } })
      assert.deepEqual(
        lost.filter(one => generated[one.split('.')[1] ?? ''] !== undefined),
        [],
      )
    })
  })

  it('names are what AWS takes, and no two alike', () => {
    holds(({ template }) => {
      for (const [type, key, pattern] of [
        ['AWS::Batch::JobQueue', 'JobQueueName', /^[A-Za-z0-9][\w-]{0,127}$/],
        ['AWS::Batch::JobDefinition', 'JobDefinitionName', /^[A-Za-z0-9][\w-]{0,127}$/],
        ['AWS::Scheduler::Schedule', 'Name', /^[\w.-]{1,64}$/],
      ] as const) {
        const names = namesOf(template, type, key)
        for (const name of names) assert.match(name, pattern)
        assert.equal(new Set(names).size, names.length)
      }
    })
  })

  it('a job is placed where there is a queue, a definition, and a share', () => {
    holds(({ template, settings }, pipelines) => {
      const queues = namesOf(template, 'AWS::Batch::JobQueue', 'JobQueueName')
      const definitions = namesOf(template, 'AWS::Batch::JobDefinition', 'JobDefinitionName')
      const [policy] = ofType(template, 'AWS::Batch::SchedulingPolicy')
      const shares = (at(policy?.[1].Properties, 'FairsharePolicy.ShareDistribution') ?? []) as Node[]
      for (const pipeline of pipelines) {
        const { queue, onDemandQueue, definition, share } = placeOf(settings, pipeline)
        for (const one of [queue, onDemandQueue]) assert.ok(queues.includes(one), one)
        assert.ok(definitions.includes(definition), definition)
        if (settings.fairShare)
          assert.ok(shares.some(({ ShareIdentifier }) => ShareIdentifier === share?.identifier))
      }
      assert.equal(definitions.length, pipelines.length)
    })
  })

  it('no job reaches into the runs, the records and the output of another pipeline', () => {
    holds(({ template }, pipelines) => {
      const bucket = (id: string): string => String(resolved({ 'Fn::GetAtt': [id, 'Arn'] }, template))
      for (const one of pipelines) {
        const may = permissionsOf(one.name, template)
        for (const { name, output } of pipelines) {
          const reached = [
            may.reach('s3:GetObject', `${bucket('StateBucket')}/runs/${name}_0a/run.json`),
            may.reach(
              's3:PutObject',
              `${bucket('OutputBucket')}/${output.prefix}run=${name}_0a/part.parquet`,
            ),
            may.touch(`RUN#${name}_0a#PAGE#0000`),
          ]
          const own = name === one.name
          assert.deepEqual(reached, [own, own, own], `${one.name} and ${name}`)
        }
      }
    })
  })
})

/** What the role of the pipeline's jobs allows, by action and resource, and by the key of a record. */
function permissionsOf(pipeline: string, template: Template) {
  const definition = ofType(template, 'AWS::Batch::JobDefinition').find(
    ([, { Properties }]) => at(Properties, 'Tags.pipeline') === pipeline,
  )
  const [, role = ''] = /"JobRoleArn":\{"Fn::GetAtt":\["(\w+)"/.exec(JSON.stringify(definition)) ?? []
  const [policy] = resolved(at(template.Resources[role]?.Properties, 'Policies'), template) as Node[]
  const statements = at(policy, 'PolicyDocument.Statement') as Node[]
  const some = (patterns: unknown, wanted: string): boolean =>
    [patterns].flat().some(pattern => matches(String(pattern), wanted))
  return {
    reach: (action: string, resource: string): boolean =>
      statements.some(({ Action, Resource }) => [Action].flat().includes(action) && some(Resource, resource)),
    touch: (key: string): boolean =>
      statements.some(
        ({ Action, Condition }) =>
          [Action].flat().includes('dynamodb:UpdateItem') &&
          some((at(Condition, 'ForAllValues:StringLike') as Node)['dynamodb:LeadingKeys'], key),
      ),
  }
}
