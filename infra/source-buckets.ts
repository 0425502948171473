/** Buckets of the user's own: which of their events come in, and who may read what of them. Pure. */
import { createHash } from 'node:crypto'
import type { Pipeline } from '../shared/pipeline.ts'

type Node = Readonly<Record<string, unknown>>
export interface Statement {
  Effect: 'Allow'
  Action: string | string[]
  Resource: unknown
  Condition?: Node
}
type Sources = readonly Pick<Pipeline, 'source'>[]

/** EventBridge's limit of a pattern, in characters. */
const patternCharactersMax = 2048

/**
 * Rules for the objects that pipelines take from buckets other than the stage's, and the policy with which
 * `partition` reads them. By logical id; none where no pipeline names a bucket.
 */
export function sourceBucketResources(pipelines: Sources): Record<string, Node> {
  const statements = sourceBucketStatements(pipelines)
  const rules = sourceRules(pipelines).map(rule => [
    `SourceBucket${rule.mark.toUpperCase()}Rule${rule.number}`,
    ruleOf(rule),
  ])
  if (statements.length === 0) return {}
  return { ...Object.fromEntries(rules), SourceBucketsPolicy: policyOf(statements) }
}

/** What reading the sources of these pipelines takes, beyond the stage's drops bucket: for `partition`, and for jobs. */
export function sourceBucketStatements(pipelines: Sources): Statement[] {
  const prefixes = prefixesByBucket(pipelines)
  if (prefixes.size === 0) return []
  const buckets = [...prefixes.keys()]
  const keys = [...new Set(pipelines.flatMap(({ source }) => source.kmsKeyArn ?? []))].toSorted()
  return [
    {
      Effect: 'Allow',
      Action: ['s3:GetObject', 's3:GetObjectVersion'],
      Resource: [...prefixes].flatMap(([bucket, some]) =>
        some.map(prefix => arnOf(`${bucket}/${literal(prefix)}*`)),
      ),
    },
    // All of the bucket: a condition on the prefix would not hold of a GET, and "gone" would look like "forbidden".
    { Effect: 'Allow', Action: 's3:ListBucket', Resource: buckets.map(arnOf) },
    ...(keys.length === 0 ? [] : [decrypting(keys)]),
  ]
}

const throughS3 = { 'Fn::Join': ['.', ['s3', { Ref: 'AWS::Region' }, 'amazonaws.com']] }

function decrypting(keys: string[]): Statement {
  return {
    Effect: 'Allow',
    Action: 'kms:Decrypt',
    Resource: keys,
    Condition: { StringEquals: { 'kms:ViaService': throughS3 } },
  }
}

interface SourceRule {
  bucket: string
  /** Of the bucket, where letters and digits are all that is allowed. */
  mark: string
  /** Of the bucket's rules, from 1. */
  number: number
  pattern: Node
}

/** One a bucket, or several where its prefixes are too many for one pattern. */
function sourceRules(pipelines: Sources): SourceRule[] {
  return [...prefixesByBucket(pipelines)].flatMap(([bucket, prefixes]) => {
    const mark = createHash('sha256').update(bucket).digest('hex').slice(0, 8)
    return patternsOf(bucket, prefixes).map((pattern, at) => ({ bucket, mark, number: at + 1, pattern }))
  })
}

function patternsOf(bucket: string, prefixes: readonly string[]): Node[] {
  const patterns: Node[] = []
  let chunk: string[] = []
  for (const prefix of prefixes) {
    const longer = [...chunk, prefix]
    if (chunk.length > 0 && JSON.stringify(patternOf(bucket, longer)).length > patternCharactersMax) {
      patterns.push(patternOf(bucket, chunk))
      chunk = [prefix]
    } else chunk = longer
  }
  return [...patterns, patternOf(bucket, chunk)]
}

/** Of any other object in the bucket nothing is heard, and nothing is paid for. */
function patternOf(bucket: string, prefixes: readonly string[]): Node {
  const object = prefixes.includes('') ? {} : { object: { key: prefixes.map(prefix => ({ prefix })) } }
  return {
    source: ['aws.s3'],
    'detail-type': ['Object Created'],
    detail: { bucket: { name: [bucket] }, ...object },
  }
}

/** The drops queue takes events from rules of this name (infra/events.yml). */
function ruleOf({ bucket, mark, number, pattern }: SourceRule): Node {
  return {
    Type: 'AWS::Events::Rule',
    // Else what it brings first would be refused.
    DependsOn: 'SourceBucketsPolicy',
    Properties: {
      Name: { 'Fn::Join': ['-', [{ Ref: 'AWS::StackName' }, 'source', mark, String(number)]] },
      Description: `An object was created in ${bucket}, where a pipeline takes it`,
      EventPattern: pattern,
      Targets: [
        {
          Id: 'drops-queue',
          Arn: { 'Fn::GetAtt': ['DropsQueue', 'Arn'] },
          DeadLetterConfig: { Arn: { 'Fn::GetAtt': ['DropsDlq', 'Arn'] } },
        },
      ],
    },
  }
}

function policyOf(statements: Statement[]): Node {
  return {
    Type: 'AWS::IAM::Policy',
    Properties: {
      PolicyName: 'source-buckets',
      Roles: [{ Ref: 'PartitionRole' }],
      PolicyDocument: { Version: '2012-10-17', Statement: statements },
    },
  }
}

/** In order; a prefix below another one of its bucket adds nothing. */
function prefixesByBucket(pipelines: Sources): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const { source } of pipelines) {
    if (source.bucket === undefined) continue
    found.set(source.bucket, [...(found.get(source.bucket) ?? []), source.prefix])
  }
  return new Map(
    [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([bucket, all]) => [bucket, outermost(all)]),
  )
}

function outermost(prefixes: readonly string[]): string[] {
  const isInner = (one: string): boolean => prefixes.some(other => other !== one && one.startsWith(other))
  return [...new Set(prefixes)].filter(one => !isInner(one)).toSorted()
}

/** `*`, `?` and `$` mean themselves in a prefix; in IAM's resources they do not. */
export function literal(prefix: string): string {
  return prefix.replace(/[*?$]/g, character => `\${${character}}`)
}

function arnOf(resource: string): Node {
  return { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, `:s3:::${resource}`]] }
}
