/** What is generated for Batch by the parameters of a stage, and what is refused. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { refuseUnplaceable } from '../../../infra/batch/capacity.ts'
import { idOf, type Node } from '../../../infra/batch/cloudformation.ts'
import { batchResources } from '../../../infra/batch/resources.ts'
import { type Settings, settingsFrom } from '../../../infra/batch/settings.ts'
import { isError } from '../../../shared/errors.ts'
import { placeOf, shareIdentifier } from '../../../shared/placement.ts'
import { at } from '../packaged.ts'
import { pipelines, pipelineWith } from './pipelines.ts'

const params = {
  stage: 'dev',
  image: 'public.ecr.aws/team/worker:1',
  maxvCpus: '256',
  maxvCpusOnDemand: 64,
  fairShare: 'false',
  instanceTypes: 'c7i, m7i',
  instanceTypesArm64: 'c7g',
  instanceTypesGpu: 'g5',
}
const settings = (more: object = {}): Settings => settingsFrom({ ...params, ...more })
const generated = (some = pipelines, more: object = {}): Record<string, Node> =>
  batchResources(some, settings(more)).Resources
const ofType = (resources: Record<string, Node>, type: string): Node[] =>
  Object.values(resources)
    .filter(({ Type }) => Type === type)
    .map(({ Properties }) => Properties as Node)

describe('the Batch of a stage', () => {
  it('is the same however often it is generated, and whatever the order of the pipelines', () => {
    assert.deepEqual(generated(), generated())
    const policies = (resources: Record<string, Node>): string =>
      JSON.stringify(ofType(resources, 'AWS::Batch::JobDefinition').map(String).toSorted())
    assert.equal(policies(generated()), policies(generated(pipelines.toReversed())))
    assert.deepEqual(
      Object.keys(generated()).toSorted(),
      Object.keys(generated(pipelines.toReversed())).toSorted(),
    )
  })

  it('has ids of letters and digits, and no two alike, whatever the names', () => {
    const names = ['a-b', 'ab', 'aDashb'.toLowerCase(), 'a--b', 'a-1', 'a1', 'x-', 'x']
    assert.equal(new Set(names.map(idOf)).size, names.length)
    for (const id of Object.keys(generated())) assert.match(id, /^[A-Za-z0-9]+$/)
  })

  it('has without any pipeline what pipelines share, so that it is there before the first', () => {
    const resources = generated([])
    assert.equal(ofType(resources, 'AWS::Batch::JobQueue').length, 6)
    assert.equal(ofType(resources, 'AWS::Batch::ComputeEnvironment').length, 2)
    assert.equal(ofType(resources, 'AWS::Batch::JobDefinition').length, 0)
  })

  it('changes instances in place; of Fargate it says nothing that Batch would refuse in an update', () => {
    const environments = ofType(generated(), 'AWS::Batch::ComputeEnvironment')
    const onFargate = environments.filter(one =>
      String(at(one, 'ComputeResources.Type')).startsWith('FARGATE'),
    )
    assert.equal(onFargate.length, 4)
    // What UpdateComputeEnvironment refuses of Fargate, by its own words.
    const refused = [
      'AllocationStrategy',
      'Ec2Configuration',
      'InstanceRole',
      'InstanceTypes',
      'LaunchTemplate',
    ]
    for (const { ComputeResources, ...rest } of onFargate) {
      assert.deepEqual(Object.keys(rest), ['Type', 'State'])
      const said = Object.keys(ComputeResources as Node)
      for (const name of [...refused, 'MinvCpus', 'Tags', 'UpdateToLatestImageVersion'])
        assert.equal(said.includes(name), false, name)
    }
    for (const one of environments.filter(each => !onFargate.includes(each)))
      assert.equal(one.ReplaceComputeEnvironment, false)
  })

  it('has no instances any more when a removal takes the gateway off, which public addresses would hold', () => {
    const goAfter = (more: object): unknown[] =>
      Object.values(generated(pipelines, more)).flatMap(({ Type, DependsOn }) =>
        Type === 'AWS::Batch::ComputeEnvironment' ? [DependsOn] : [],
      )
    assert.deepEqual([...new Set(goAfter({}))], ['InternetRoute'])
    assert.deepEqual([...new Set(goAfter({ network: 'private' }))], [undefined])
    assert.deepEqual([...new Set(goAfter({ subnetIds: 'subnet-1', securityGroupIds: 'sg-1' }))], [undefined])
  })

  it('asks no registry for a token that asks nobody who he is', () => {
    const role = JSON.stringify(generated([pipelineWith('a')]).ExecutionRole)
    assert.doesNotMatch(role, /ecr:/)
    const image = '123456789012.dkr.ecr.us-east-1.amazonaws.com/worker@sha256:0'
    assert.match(
      JSON.stringify(generated([pipelineWith('a')], { image }).ExecutionRole),
      /repository\/worker/,
    )
  })

  it('takes what stands for something in IAM literally, where a prefix has it', () => {
    const odd = pipelineWith('odd', {}, { output: { prefix: 'out/*/$x/' } })
    assert.match(JSON.stringify(generated([odd]).JobRoleOdd), /out\/\$\{\*\}\/\$\{\$\}x\/run=odd_\*/)
  })
})

describe('fair share', () => {
  const some = [
    pipelineWith('a-b', { shareWeight: 8 }),
    pipelineWith('ab', { shareWeight: 0.0001 }),
    pipelineWith('c'),
  ]

  it('gives each pipeline its weight, the heavier the more, where Batch counts the other way round', () => {
    const [policy] = ofType(generated(some, { fairShare: 'true' }), 'AWS::Batch::SchedulingPolicy')
    assert.deepEqual(at(policy, 'FairsharePolicy.ShareDistribution'), [
      { ShareIdentifier: shareIdentifier('a-b'), WeightFactor: 0.125 },
      { ShareIdentifier: shareIdentifier('ab'), WeightFactor: 999.9999 },
      { ShareIdentifier: shareIdentifier('c'), WeightFactor: 1 },
    ])
  })

  it('is of every queue, by other names than without: no queue can be given it later', () => {
    const resources = generated(some, { fairShare: true })
    const queues = ofType(resources, 'AWS::Batch::JobQueue')
    for (const { SchedulingPolicyArn } of queues)
      assert.deepEqual(SchedulingPolicyArn, { 'Fn::GetAtt': ['SchedulingPolicy', 'Arn'] })
    const names = queues.map(({ JobQueueName }) => JobQueueName)
    for (const pipeline of some)
      assert.ok(names.includes(placeOf({ jobPrefix: 'millrace-dev', fairShare: true }, pipeline).queue))
    const without = ofType(generated(some), 'AWS::Batch::JobQueue')
    assert.ok(
      without.every(queue => !names.includes(queue.JobQueueName) && !('SchedulingPolicyArn' in queue)),
    )
  })
})

describe('limits of AWS', () => {
  const own = (count: number) =>
    Array.from({ length: count }, (_, at) => pipelineWith(`own-${at}`, { instances: { types: ['c7i'] } }))

  it('are told before anything is deployed: so many instances of their own no account has', () => {
    assert.doesNotThrow(() => generated(own(22)))
    assert.throws(
      () => generated(own(25)),
      error =>
        isError(error, 'CONFIG_INVALID') && /52 compute environments; AWS has at most 50/.test(error.message),
    )
  })

  it('of a pattern and of a policy are kept by having several', () => {
    const resources = generated(own(22))
    const rules = Object.entries(resources).filter(([id]) => id.startsWith('EndedJobsRule'))
    assert.ok(rules.length >= 2)
    const many = Array.from({ length: 60 }, (_, at) => pipelineWith(`a-very-long-name-of-a-pipeline-${at}`))
    const policies = Object.entries(generated(many)).filter(([id]) => id.startsWith('SubmitJobsPolicy'))
    assert.ok(policies.length >= 2)
    const region = 'us-northwest-1'
    for (const [id, { Properties }] of policies) {
      const document = JSON.stringify(at(Properties, 'PolicyDocument'), (_, value) => {
        const parts = at(value, 'Fn::Join.1') as unknown[] | undefined
        return parts?.map(part => (typeof part === 'string' ? part : region)).join('') ?? value
      })
      assert.ok(document.length <= 6144, `${id}: ${document.length}`)
    }
  })
})

describe('a job that fits nowhere', () => {
  const refused = (job: object, more: object = {}): void =>
    refuseUnplaceable([pipelineWith('big', job)], settings(more))

  it('is refused before anything is deployed, by the name of what bounds it', () => {
    const cases: [object, RegExp][] = [
      [{ vcpus: 65 }, /big: a job of 65 vCPUs, where maxvCpusOnDemand is 64/],
      [{ vcpus: 9, instances: { types: ['c7i'], maxvCpus: 8 } }, /where job.instances.maxvCpus is 8/],
    ]
    for (const [job, words] of cases)
      assert.throws(
        () => refused(job),
        error => isError(error, 'CONFIG_INVALID') && words.test(error.message),
      )
    assert.throws(() => refused({ vcpus: 3 }, { maxvCpus: 2 }), /where maxvCpus is 2/)
  })

  it('is one that is larger, and not one that just fits', () => {
    assert.doesNotThrow(() => refused({ vcpus: 64 }))
    assert.doesNotThrow(() => refused({ vcpus: 96, instances: { types: ['c7i'], maxvCpus: 96 } }))
  })
})

describe('parameters', () => {
  it('cannot be what they are not, and all are told at once', () => {
    assert.throws(
      () => settings({ maxvCpus: 'many', fairShare: 'perhaps', instanceTypes: '' }),
      error =>
        isError(error, 'CONFIG_INVALID') &&
        ['maxvCpus', 'fairShare', 'instanceTypes'].every(name => error.message.includes(name)),
    )
  })
})
