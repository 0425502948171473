/** What AWS Batch is told for pipelines of every kind, as it is packaged. */
import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { compilePattern } from '../../../local/events/event-pattern.ts'
import { configFrom } from '../../../shared/config.ts'
import { classify } from '../../../shared/failure.ts'
import { placeOf } from '../../../shared/placement.ts'
import { at, idOf, type Node, ofType, type Packaged, packagePipelines, resource } from '../packaged.ts'
import { containerOf } from '../policy/callers.ts'
import { resolved } from '../policy/resolve.ts'
import { pipelines } from './pipelines.ts'

const naming = { jobPrefix: 'millrace-dev', fairShare: false }
let packaged: Packaged
let template: Packaged['template']
before(async () => {
  packaged = await packagePipelines(pipelines)
  template = packaged.template
})
after(() => rm(packaged.dir, { recursive: true, force: true }))

const all = (type: string): [string, Node][] =>
  ofType(template, type).map(([id, { Properties }]) => [id, Properties])
const environments = (): [string, Node][] => all('AWS::Batch::ComputeEnvironment')
const computeOf = (id: string): Node =>
  resource(template, id, 'AWS::Batch::ComputeEnvironment').ComputeResources as Node
const onInstances = (): [string, Node][] =>
  environments().filter(([id]) => !String(computeOf(id).Type).startsWith('FARGATE'))
const queues = (): Node[] => all('AWS::Batch::JobQueue').map(([, queue]) => queue)
const environmentsOf = (queue: Node): string[] =>
  (queue.ComputeEnvironmentOrder as Node[]).map(({ ComputeEnvironment }) => idOf(ComputeEnvironment))
const definitionOf = (name: string): Node =>
  all('AWS::Batch::JobDefinition')
    .map(([, definition]) => definition)
    .find(({ JobDefinitionName }) => JobDefinitionName === `millrace-dev_${name}`) ?? assert.fail(name)
const container = (name: string): Node => resolved(containerOf(definitionOf(name)), template) as Node

describe('compute environments', () => {
  it('cost nothing while idle, and on Spot are of the pools that are seldomest taken back', () => {
    for (const [id] of onInstances()) {
      const { Type, AllocationStrategy, MinvCpus, MaxvCpus, DesiredvCpus, InstanceTypes } = computeOf(id)
      const strategy = { SPOT: 'SPOT_PRICE_CAPACITY_OPTIMIZED', EC2: 'BEST_FIT_PROGRESSIVE' }[String(Type)]
      assert.equal(AllocationStrategy, strategy, id)
      assert.equal(MinvCpus, 0, id)
      assert.ok(Number(MaxvCpus) > 0, id)
      assert.equal(DesiredvCpus, undefined, id)
      assert.ok((InstanceTypes as string[]).length >= 2, id)
    }
    assert.deepEqual(all('AWS::EC2::NatGateway'), [])
  })

  it('are on Spot with a twin on demand for each fleet, and only where there is work for them', () => {
    const types = environments().map(([id]) => [id, computeOf(id).Type])
    const both = (fleet: string): string[][] => [
      [`SpotEnvironment${fleet}`, 'SPOT'],
      [`OnDemandEnvironment${fleet}`, 'EC2'],
    ]
    assert.deepEqual(
      Object.fromEntries(types),
      Object.fromEntries([
        ...['X86Dash64', 'Arm64', 'Gpu', 'OwnDashlarge'].flatMap(both),
        ...['Fargate', 'FargateDasharm64'].flatMap(fleet => [
          [`SpotEnvironment${fleet}`, 'FARGATE_SPOT'],
          [`OnDemandEnvironment${fleet}`, 'FARGATE'],
        ]),
      ]),
    )
  })

  it('run AL2023, that of NVIDIA with GPUs, on instances that ask for a token and encrypt their disk', () => {
    for (const [id] of onInstances()) {
      const { Ec2Configuration, LaunchTemplate } = computeOf(id)
      const type = id.endsWith('Gpu') ? 'ECS_AL2023_NVIDIA' : 'ECS_AL2023'
      assert.deepEqual(Ec2Configuration, [{ ImageType: type }])
      const launched = resource(
        template,
        idOf(at(LaunchTemplate, 'LaunchTemplateId')),
        'AWS::EC2::LaunchTemplate',
      )
      assert.deepEqual(at(launched, 'LaunchTemplateData.MetadataOptions'), {
        HttpTokens: 'required',
        HttpPutResponseHopLimit: 1,
      })
      const [disk] = at(launched, 'LaunchTemplateData.BlockDeviceMappings') as Node[]
      assert.equal(at(disk, 'Ebs.Encrypted'), true)
      assert.equal(at(disk, 'Ebs.VolumeSize'), id.endsWith('OwnDashlarge') ? 500 : 100)
    }
  })

  it('are of the architecture, the types and the size that are asked for', () => {
    assert.ok((computeOf('SpotEnvironmentArm64').InstanceTypes as string[]).every(type => /\dg$/.test(type)))
    assert.ok(
      (computeOf('SpotEnvironmentX86Dash64').InstanceTypes as string[]).every(type => /\d[ai]?$/.test(type)),
    )
    const { InstanceTypes, MaxvCpus } = computeOf('SpotEnvironmentOwnDashlarge')
    assert.deepEqual([InstanceTypes, MaxvCpus], [['r7i.16xlarge', 'r7a'], 640])
    assert.equal(computeOf('OnDemandEnvironmentX86Dash64').MaxvCpus, 128)
  })

  it('on Fargate have nothing that is of instances', () => {
    const { Subnets, SecurityGroupIds, ...rest } = computeOf('SpotEnvironmentFargate')
    assert.deepEqual(rest, { Type: 'FARGATE_SPOT', MaxvCpus: 256 })
    assert.ok(Subnets && SecurityGroupIds)
  })
})

describe('job queues', () => {
  it('are those to which submit sends, and of the shared instances all six', () => {
    const asked = pipelines.map(pipeline => placeOf(naming, pipeline))
    const shared = ['critical', 'daily', 'backfill'].flatMap(word => [
      `millrace-dev-${word}`,
      `millrace-dev-${word}-on-demand`,
    ])
    const wanted = new Set([...shared, ...asked.flatMap(place => [place.queue, place.onDemandQueue])])
    assert.deepEqual(
      queues()
        .map(({ JobQueueName }) => JobQueueName)
        .toSorted(),
      [...wanted].toSorted(),
    )
  })

  it('go by priority, on Spot first; only what is urgent goes on at full price where there is none', () => {
    for (const queue of queues()) {
      const name = String(queue.JobQueueName)
      const priority = name.includes('critical') ? 100 : name.includes('daily') ? 50 : 10
      assert.equal(queue.Priority, priority, name)
      const types = environmentsOf(queue).map(id =>
        String(computeOf(id).Type).replace('FARGATE_SPOT', 'SPOT'),
      )
      const full = types.map(type => type.replace('FARGATE', 'EC2'))
      const wanted = name.endsWith('on-demand')
        ? ['EC2']
        : name.includes('critical')
          ? ['SPOT', 'EC2']
          : ['SPOT']
      assert.deepEqual(full, wanted, name)
    }
  })

  it('do not mix instances with Fargate, nor architectures', () => {
    for (const queue of queues()) {
      const fleets = environmentsOf(queue).map(id => id.replace(/^(Spot|OnDemand)Environment/, ''))
      assert.equal(new Set(fleets).size, 1, String(queue.JobQueueName))
    }
  })

  it('cancel what can never be placed, and so no run waits for ever', () => {
    for (const { JobQueueName, JobStateTimeLimitActions } of queues()) {
      const limits = JobStateTimeLimitActions as Node[]
      assert.equal(limits.length, 3, String(JobQueueName))
      for (const { Reason, MaxTimeSeconds, State, Action } of limits) {
        assert.deepEqual([State, Action], ['RUNNABLE', 'CANCEL'])
        assert.ok(Number(MaxTimeSeconds) >= 600 && Number(MaxTimeSeconds) <= 86_400)
        const statusReason = `Canceled by JobStateTimeLimit action due to reason: ${Reason}`
        assert.equal(classify({ statusReason }), 'UNSCHEDULABLE')
      }
    }
  })

  it('are heard of by name: another stage whose name begins alike is not', async () => {
    const fixture = path.join(import.meta.dirname, '../fixtures/events/batch-plain-failed.json')
    const recorded = JSON.parse(await readFile(fixture, 'utf8'))
    const rules = all('AWS::Events::Rule').filter(([id]) => id.startsWith('EndedJobsRule'))
    const heard = (name: string): number =>
      rules.filter(([id, { EventPattern }]) => {
        assert.ok(JSON.stringify(resolved(EventPattern, template)).length <= 2048, id)
        const jobQueue = `arn:aws:batch:us-east-1:123456789012:job-queue/${name}`
        const event = { ...recorded, detail: { ...recorded.detail, jobQueue } }
        return compilePattern(resolved(EventPattern, template), id)(event)
      }).length
    for (const { JobQueueName } of queues()) assert.equal(heard(String(JobQueueName)), 1)
    for (const name of ['millrace-dev-2-daily', 'millrace-dev2-daily', 'millrace-dev-daily-2', 'daily'])
      assert.equal(heard(name), 0, name)
  })
})

describe('job definitions', () => {
  it('are one for each pipeline, with its role, its tags, and the environment that the worker reads', () => {
    const named = all('AWS::Batch::JobDefinition').map(([, one]) => one.JobDefinitionName)
    assert.deepEqual(
      named,
      pipelines.map(pipeline => placeOf(naming, pipeline).definition),
    )
    const roles = new Set(pipelines.map(({ name }) => String(container(name).JobRoleArn)))
    assert.equal(roles.size, pipelines.length)
    for (const { name, job } of pipelines) {
      const tags = { ...job.tags, project: 'millrace', stage: 'dev', pipeline: name }
      assert.deepEqual(definitionOf(name).Tags, tags)
      assert.equal(definitionOf(name).PropagateTags, true)
      const set = Object.fromEntries(
        (container(name).Environment as Node[]).map(({ Name, Value }) => [Name, Value]),
      )
      assert.equal(configFrom(set).jobPrefix, 'millrace-dev')
      assert.equal(set.TMPDIR, '/scratch')
      assert.deepEqual(
        Object.keys(job.environment).map(variable => set[variable]),
        Object.values(job.environment),
      )
    }
  })

  it('start the worker that the image holds, without privilege, on a root that nobody writes to', async () => {
    const dockerfile = await readFile(path.resolve(import.meta.dirname, '../../../worker/Dockerfile'), 'utf8')
    const command = JSON.parse(/^CMD (.*)$/m.exec(dockerfile)?.[1] ?? 'null')
    for (const { name } of pipelines) {
      const { Command, Privileged, ReadonlyRootFilesystem, LinuxParameters, Volumes, MountPoints } =
        container(name)
      assert.deepEqual(Command, command, name)
      assert.deepEqual([Privileged, ReadonlyRootFilesystem], [false, true], name)
      assert.equal(at(LinuxParameters, 'InitProcessEnabled'), true, name)
      assert.deepEqual((Volumes as Node[])[0], { Name: 'scratch' }, name)
      assert.deepEqual((MountPoints as Node[])[0], {
        SourceVolume: 'scratch',
        ContainerPath: '/scratch',
        ReadOnly: false,
      })
    }
  })

  it('retry what Spot took back and nothing else, up to the limit of Batch', () => {
    for (const { name } of pipelines) {
      const { Attempts, EvaluateOnExit } = definitionOf(name).RetryStrategy as {
        Attempts: number
        EvaluateOnExit: Node[]
      }
      assert.equal(Attempts, name === 'vision' ? 10 : 5)
      assert.deepEqual(EvaluateOnExit.at(-1), { OnReason: '*', Action: 'EXIT' })
      for (const { OnStatusReason, Action, ...rest } of EvaluateOnExit.slice(0, -1)) {
        assert.deepEqual(rest, {})
        assert.equal(Action, 'RETRY')
        // What Batch accepts as a pattern: letters, digits, dot, colon, white space and one trailing star.
        assert.match(String(OnStatusReason), /^[\w.:\s]+\*?$/)
        assert.equal(classify({ statusReason: String(OnStatusReason) }), 'SPOT_RECLAIMED')
      }
    }
  })

  it('ask for the size that is asked for, on Fargate for one that there is, and for GPUs', () => {
    const sizes = (name: string): unknown[] =>
      (container(name).ResourceRequirements as Node[]).map(({ Type, Value }) => `${Type} ${Value}`)
    assert.deepEqual(sizes('ab'), ['VCPU 4', 'MEMORY 8192'])
    assert.deepEqual(sizes('serverless'), ['VCPU 0.5', 'MEMORY 2048'])
    assert.deepEqual(sizes('vision'), ['VCPU 1', 'MEMORY 2048', 'GPU 1'])
    assert.deepEqual(definitionOf('kept').Timeout, { AttemptDurationSeconds: 900 })
  })

  it('on Fargate say so, and have an address, a platform and a disk; on instances none of it', () => {
    const { PlatformCapabilities } = definitionOf('serverless-arm')
    assert.deepEqual(PlatformCapabilities, ['FARGATE'])
    const arm = container('serverless-arm')
    assert.deepEqual(arm.NetworkConfiguration, { AssignPublicIp: 'ENABLED' })
    assert.deepEqual(arm.RuntimePlatform, { CpuArchitecture: 'ARM64', OperatingSystemFamily: 'LINUX' })
    assert.deepEqual(container('serverless').EphemeralStorage, { SizeInGiB: 50 })
    const own = [
      'NetworkConfiguration',
      'RuntimePlatform',
      'FargatePlatformConfiguration',
      'EphemeralStorage',
    ]
    assert.deepEqual(definitionOf('a').PlatformCapabilities, ['EC2'])
    assert.ok(own.every(name => !(name in container('a'))))
  })

  it('of several nodes are multi-node, on demand, and let their nodes alone speak to each other', () => {
    const { Type, NodeProperties, ContainerProperties, PlatformCapabilities } = definitionOf('nodes')
    assert.deepEqual([Type, ContainerProperties, PlatformCapabilities], ['multinode', undefined, undefined])
    const { NumNodes, MainNode, NodeRangeProperties } = NodeProperties as Node
    assert.deepEqual([NumNodes, MainNode], [4, 0])
    assert.deepEqual(
      (NodeRangeProperties as Node[]).map(({ TargetNodes }) => TargetNodes),
      ['0:'],
    )
    const group = { Ref: 'SecurityGroup' }
    const ingress = resource(template, 'NodesIngress', 'AWS::EC2::SecurityGroupIngress')
    assert.deepEqual([ingress.GroupId, ingress.SourceSecurityGroupId], [group, group])
    assert.deepEqual([ingress.CidrIp, ingress.CidrIpv6], [undefined, undefined])
  })

  it('find secrets by their names, volumes and limits as they are named, and never a value', () => {
    const { Secrets, Volumes, MountPoints, Ulimits, LinuxParameters } = container('kept')
    const arn = (service: string, rest: string): string => `arn:aws:${service}:us-east-1:123456789012:${rest}`
    assert.deepEqual(Secrets, [
      { Name: 'PASSWORD', ValueFrom: arn('secretsmanager', 'secret:prod/db:password::') },
      { Name: 'TOKEN', ValueFrom: arn('ssm', 'parameter/prod/token') },
    ])
    assert.deepEqual((Volumes as Node[]).slice(1), [
      { Name: 'cache', Host: { SourcePath: '/mnt/cache' } },
      {
        Name: 'models',
        EfsVolumeConfiguration: {
          FileSystemId: 'fs-01234567',
          TransitEncryption: 'ENABLED',
          AuthorizationConfig: { AccessPointId: 'fsap-01234567', Iam: 'ENABLED' },
        },
      },
    ])
    const mounted = (MountPoints as Node[]).map(({ ContainerPath, ReadOnly }) => [ContainerPath, ReadOnly])
    assert.deepEqual(mounted.slice(1), [
      ['/cache', false],
      ['/models', true],
    ])
    assert.deepEqual(Ulimits, [{ Name: 'nofile', SoftLimit: 4096, HardLimit: 8192 }])
    assert.deepEqual(LinuxParameters, { InitProcessEnabled: true, SharedMemorySize: 256 })
  })
})
