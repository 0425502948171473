/** What a stage can hold, said when it is packaged and not by CloudFormation in mid-deployment. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { batchResources } from '../../infra/batch/resources.ts'
import { settingsFrom } from '../../infra/batch/settings.ts'
import { fixedPart, refuseTooLarge } from '../../infra/limits.ts'
import { networkResources } from '../../infra/network/resources.ts'
import { scheduleResources } from '../../infra/schedules.ts'
import { sourceBucketResources } from '../../infra/source-buckets.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { pipelineWith } from './batch/pipelines.ts'
import { ofType, type Packaged, packagePipelines } from './packaged.ts'
import { resolved } from './policy/resolve.ts'

const settings = settingsFrom({
  stage: 'dev',
  image: '123456789012.dkr.ecr.us-east-1.amazonaws.com/worker@sha256:0',
  maxvCpus: 256,
  maxvCpusOnDemand: 64,
  fairShare: false,
  instanceTypes: 'c7i',
  instanceTypesArm64: 'c7g',
  instanceTypesGpu: 'g5',
})
const generated = (pipelines: readonly Pipeline[]) => ({
  ...batchResources(pipelines, settings).Resources,
  ...networkResources(settings.network),
  ...sourceBucketResources(pipelines),
  ...scheduleResources(pipelines, settings.stage),
})
const manyOf = (count: number, more: Parameters<typeof pipelineWith>[2] = {}): Pipeline[] =>
  Array.from({ length: count }, (_, at) => pipelineWith(`pipeline-of-a-team-${at}`, {}, more))
const refused = (pipelines: readonly Pipeline[], words: RegExp): void =>
  assert.throws(() => refuseTooLarge(generated(pipelines)), words)

describe('a stage', () => {
  it('holds a hundred pipelines', () => {
    refuseTooLarge(generated(manyOf(100)))
  })

  it('cannot hold more than a template does', () => {
    refused(manyOf(220), /the template: \d+ characters, and 1000000 are the most/)
  })

  it('cannot hold more resources than a stack does', () => {
    const small = { Type: 'AWS::IAM::Role', Properties: {} }
    const roles = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`R${at}`, small]))
    refuseTooLarge(roles(500 - fixedPart.resources))
    assert.throws(() => refuseTooLarge(roles(501 - fixedPart.resources)), /the stack: 501 resources/)
  })

  it('cannot hold a pipeline whose permissions are more than a role takes', () => {
    const resources = Array.from({ length: 200 }, (_, at) => `arn:aws:s3:::${'long-name-'.repeat(5)}${at}/*`)
    const asking = pipelineWith('asking', { permissions: [{ actions: ['s3:GetObject'], resources }] })
    refuseTooLarge(generated([pipelineWith('asking')]))
    refused([asking], /policies of JobRoleAsking: 1\d{4} characters, and 10240/)
  })

  it('cannot hold more buckets of users than partition may read', () => {
    const buckets = (count: number): Pipeline[] =>
      manyOf(count).map((pipeline, at) => ({
        ...pipeline,
        source: { ...pipeline.source, bucket: `${'somebodys-lake-'.repeat(3)}${at}` },
      }))
    refuseTooLarge(generated(buckets(20)))
    refused(buckets(60), /policies of PartitionRole: \d+ characters/)
  })

  it('cannot hold a job definition that Batch does not take', () => {
    const environment = Object.fromEntries(Array.from({ length: 6 }, (_, at) => [`V${at}`, 'x'.repeat(4096)]))
    refused([pipelineWith('wordy', { environment })], /JobDefinitionWordy: \d+ characters, and 24576/)
  })
})

describe('what a stage has whatever its pipelines are', () => {
  let packaged: Packaged
  before(async () => {
    packaged = await packagePipelines(
      [],
      '--param',
      'alarmEmail=a@example.com',
      '--param',
      'slackSecret=slack',
    )
  })
  after(() => rm(packaged.dir, { recursive: true, force: true }))

  it('is no more than what is kept free for it', () => {
    const { Resources } = packaged.template
    const known = Object.keys(generated([]))
    const fixed = Object.entries(Resources).filter(([id]) => !known.includes(id))
    const characters = JSON.stringify(packaged.template).length - JSON.stringify(generated([])).length
    const role = ofType(packaged.template, 'AWS::IAM::Role').find(([id]) => id === 'PartitionRole')
    assert.ok(fixed.length <= fixedPart.resources, `${fixed.length} resources`)
    assert.ok(characters <= fixedPart.characters, `${characters} characters`)
    const policies = JSON.stringify(resolved(role?.[1].Properties.Policies, packaged.template))
    assert.ok(policies.length <= fixedPart.roleCharacters, `${policies.length} characters of a role`)
  })
})
