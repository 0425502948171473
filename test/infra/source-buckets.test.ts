/** Buckets of the user's own: exactly their pipelines' objects come in, and exactly those may be read. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, test } from 'node:test'
import { sourceBucketResources, sourceBucketStatements } from '../../infra/source-buckets.ts'
import { objectCreated } from '../../local/events/envelope.ts'
import { compilePattern } from '../../local/events/event-pattern.ts'
import { templateOf } from '../../local/serverless/template.ts'
import { readServerless } from '../../local/serverless/variables.ts'
import { localConfig } from '../../shared/config.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { pipelineOf } from '../shared/given.ts'
import { at, type Node, type Resource, type Template, walk } from './packaged.ts'
import { arnOf, resolved } from './policy/resolve.ts'
import { allows, grantsIn, matches } from './policy/statements.ts'

const serverlessFile = path.resolve(import.meta.dirname, '../../serverless.yml')
const kmsKeyArn = 'arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab'
const from = (source: { bucket?: string; prefix: string; kmsKeyArn?: string }): Pipeline =>
  pipelineOf({ source: { ...source, format: 'lines' } })

const plain = from({ prefix: 'in/' })
const lake = from({ bucket: 'lake', prefix: 'logs/', kmsKeyArn })
const inner = from({ bucket: 'lake', prefix: 'logs/2026/' })
const beside = from({ bucket: 'lake', prefix: 'ordérs & [co]/' })
const pond = from({ bucket: 'pond', prefix: '' })
const all = [plain, lake, inner, beside, pond]

const rulesOf = (pipelines: readonly Pipeline[]): [string, Resource][] =>
  Object.entries(sourceBucketResources(pipelines) as unknown as Record<string, Resource>).filter(
    ([, { Type }]) => Type === 'AWS::Events::Rule',
  )

/** How many rules want the event of an object. */
function wanted(pipelines: readonly Pipeline[], bucket: string, key: string, more: object = {}): number {
  const created = { bucket, key, bytes: 1, etag: 'e', version: '1', sequencer: '1' }
  const event = { ...objectCreated(created, 0), ...more }
  return rulesOf(pipelines).filter(([id, { Properties }]) =>
    compilePattern(Properties.EventPattern, id)(event),
  ).length
}

describe('events of other buckets', () => {
  test('come in by one rule, where a pipeline takes the object', () => {
    for (const key of ['logs/a', 'logs/2026/a', 'ordérs & [co]/a+b c']) {
      assert.equal(wanted(all, 'lake', key), 1, key)
    }
    for (const key of ['a', 'any/thing', '_manifests/text/list.json'])
      assert.equal(wanted(all, 'pond', key), 1)
  })

  test('cannot come in where none does', () => {
    for (const key of ['logs', 'Logs/a', 'x/logs/a', 'ordérs/a'])
      assert.equal(wanted(all, 'lake', key), 0, key)
    for (const bucket of ['lake-2', 'lak', 'drops']) assert.equal(wanted(all, bucket, 'logs/a'), 0, bucket)
    assert.equal(wanted(all, 'lake', 'logs/a', { 'detail-type': 'Object Deleted' }), 0)
    assert.equal(wanted(all, 'lake', 'logs/a', { source: 'aws.s3control' }), 0)
  })

  test('come in by several rules where one pattern cannot name all prefixes, still once each', () => {
    const many = Array.from({ length: 60 }, (_, number) =>
      from({ bucket: 'lake', prefix: `${'long/'.repeat(20)}${number}/` }),
    )
    const rules = rulesOf(many)
    assert.ok(rules.length > 2)
    for (const [id, { Properties }] of rules) {
      assert.ok(JSON.stringify(Properties.EventPattern).length <= 2048, id)
      assert.equal((Properties.Targets as unknown[]).length, 1)
    }
    for (const { source } of many) assert.equal(wanted(many, 'lake', `${source.prefix}a`), 1)
  })

  test('have the stage wait for no bucket where no pipeline names one', () => {
    assert.deepEqual(sourceBucketResources([plain]), {})
    assert.deepEqual(sourceBucketStatements([plain]), [])
  })

  test('may be put into the queue by each of their rules', () => {
    const { resources } = templateOf(readServerless(serverlessFile, 'dev'), localConfig('', ''), [])
    const condition = 'PolicyDocument.Statement.0.Condition.ArnLike.aws:SourceArn'
    const stack = { Resources: resources, Conditions: {}, Outputs: {} } as unknown as Template
    const senders = (at(resources.DropsQueuePolicy?.Properties, condition) as Node[])
      .filter(sender => 'Fn::Sub' in sender)
      .map(sender => String(resolved(sender, stack)))
    const names = rulesOf(all).map(([, { Properties }]) => resolved(Properties.Name, stack))
    assert.equal(new Set(names).size, 2)
    for (const name of names) {
      const arn = arnOf('events', `rule/${name}`)
      assert.ok(
        senders.some(sender => matches(sender, arn)),
        `${arn} may not send`,
      )
    }
    assert.ok(!senders.some(sender => matches(sender, arnOf('events', 'rule/anybody-elses'))))
  })
})

describe('the grants on other buckets', () => {
  const nobody = { Resources: {}, Conditions: {}, Outputs: {} }
  const may = (pipelines: readonly Pipeline[], action: string, resource: string, context = {}): boolean => {
    const statements = resolved(sourceBucketStatements(pipelines), nobody) as Node[]
    const grants = statements.flatMap(statement => grantsIn(statement, 'here'))
    return grants.some(grant => allows(grant, { action, resource, context }))
  }
  const throughS3 = { 'kms:ViaService': 's3.us-east-1.amazonaws.com' }

  test('are to read what the pipelines take, to find that it is gone, and to decrypt through S3', () => {
    assert.ok(may(all, 's3:GetObject', 'arn:aws:s3:::lake/logs/a'))
    assert.ok(may(all, 's3:GetObjectVersion', 'arn:aws:s3:::pond/a'))
    assert.ok(may(all, 's3:ListBucket', 'arn:aws:s3:::lake'))
    assert.ok(may(all, 'kms:Decrypt', kmsKeyArn, throughS3))
  })

  test('cannot be for other keys, buckets or pipelines, nor to write, nor for the key by itself', () => {
    assert.ok(!may(all, 's3:GetObject', 'arn:aws:s3:::lake/other/a'))
    assert.ok(!may(all, 's3:GetObject', 'arn:aws:s3:::lakes/logs/a'))
    assert.ok(!may([beside], 's3:GetObject', 'arn:aws:s3:::lake/logs/a'))
    assert.ok(!may([pond], 'kms:Decrypt', kmsKeyArn, throughS3))
    assert.ok(!may(all, 'kms:Decrypt', kmsKeyArn))
    for (const action of ['s3:PutObject', 's3:DeleteObject']) {
      assert.ok(!may(all, action, 'arn:aws:s3:::lake/logs/a'))
    }
  })

  test('cannot hold a wildcard but at the end of a prefix', () => {
    const odd = from({ bucket: 'lake', prefix: 'what?/*/$/' })
    const arns = [...walk(sourceBucketStatements([odd]))].map(({ value }) => String(value))
    const escaped = ['?', '*', '$'].map(character => `$\{${character}}`)
    assert.ok(arns.includes(`:s3:::lake/what${escaped.join('/')}/*`))
  })
})
