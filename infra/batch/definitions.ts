/** Job definitions: each pipeline's own, with what its file asks of Batch. Pure. */
import { scratchPath, scratchVolume } from '../../shared/pipeline/job.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { definitionName, sizeOf } from '../../shared/placement.ts'
import { hasPublicAddress } from '../network/resources.ts'
import { attribute, idOf, type Node, ref } from './cloudformation.ts'
import { imageOf, workerCommand } from './image.ts'
import { executionRoleId, jobRoleId } from './job-roles.ts'
import { secretsOf } from './secrets.ts'
import type { Settings } from './settings.ts'

export const definitionId = ({ name }: Pick<Pipeline, 'name'>): string => `JobDefinition${idOf(name)}`

/** Batch's limit. */
const attemptsMax = 10
/** Batch itself retries only what Spot took back; every other retry is a decision of settle. */
const evaluateOnExit = [
  { OnStatusReason: 'Host EC2*', Action: 'RETRY' },
  { OnStatusReason: 'Your Spot Task was interrupted.', Action: 'RETRY' },
  { OnReason: '*', Action: 'EXIT' },
]

/** Size and time limit are those of the pipeline's file; every submission states its own. */
export function jobDefinition(pipeline: Pipeline, settings: Settings): Node {
  const { name, job, retry } = pipeline
  const container = containerOf(pipeline, settings)
  return {
    Type: 'AWS::Batch::JobDefinition',
    Properties: {
      JobDefinitionName: definitionName(settings, name),
      PropagateTags: true,
      Tags: { ...job.tags, project: 'millrace', stage: settings.stage, pipeline: name },
      Timeout: { AttemptDurationSeconds: job.timeoutMinutes * 60 },
      RetryStrategy: {
        Attempts: Math.min(attemptsMax, retry.reclaimsOnSpot),
        EvaluateOnExit: evaluateOnExit,
      },
      ...(job.nodes === undefined
        ? { Type: 'container', PlatformCapabilities: [job.platform], ContainerProperties: container }
        : { Type: 'multinode', NodeProperties: nodesOf(job.nodes, container) }),
    },
  }
}

function nodesOf(nodes: number, Container: Node): Node {
  return {
    NumNodes: nodes,
    MainNode: 0,
    NodeRangeProperties: [{ TargetNodes: '0:', Container }],
  }
}

function containerOf(pipeline: Pipeline, settings: Settings): Node {
  const { job } = pipeline
  const secrets = secretsOf(job.secrets)
  return {
    Image: imageOf(pipeline, settings),
    Command: workerCommand,
    JobRoleArn: attribute(jobRoleId(pipeline), 'Arn'),
    ExecutionRoleArn: attribute(executionRoleId(pipeline), 'Arn'),
    ResourceRequirements: requirementsOf(pipeline),
    Environment: environmentOf(pipeline, settings),
    ...(secrets.length > 0 && { Secrets: secrets }),
    ...mountsOf(pipeline),
    ...(job.ulimits.length > 0 && { Ulimits: ulimitsOf(pipeline) }),
    LinuxParameters: {
      // Forwards SIGTERM to the worker, which a process 1 without a handler would not see.
      InitProcessEnabled: true,
      ...(job.sharedMemoryMiB !== undefined && { SharedMemorySize: job.sharedMemoryMiB }),
    },
    Privileged: false,
    ReadonlyRootFilesystem: true,
    LogConfiguration: {
      LogDriver: 'awslogs',
      Options: {
        'awslogs-group': ref('WorkerLogs'),
        'awslogs-region': ref('AWS::Region'),
        'awslogs-stream-prefix': pipeline.name,
      },
    },
    ...(job.platform === 'FARGATE' && fargateOf(pipeline, settings)),
  }
}

function fargateOf({ job }: Pipeline, { network }: Settings): Node {
  const { architecture, ephemeralStorageGiB } = job
  return {
    FargatePlatformConfiguration: { PlatformVersion: 'LATEST' },
    NetworkConfiguration: { AssignPublicIp: hasPublicAddress(network) ? 'ENABLED' : 'DISABLED' },
    RuntimePlatform: {
      CpuArchitecture: architecture === 'arm64' ? 'ARM64' : 'X86_64',
      OperatingSystemFamily: 'LINUX',
    },
    ...(ephemeralStorageGiB !== undefined && { EphemeralStorage: { SizeInGiB: ephemeralStorageGiB } }),
  }
}

function requirementsOf({ job }: Pipeline): Node[] {
  const { vcpus, memoryMiB } = sizeOf(job)
  return [
    { Type: 'VCPU', Value: String(vcpus) },
    { Type: 'MEMORY', Value: String(memoryMiB) },
    ...(job.gpus === undefined ? [] : [{ Type: 'GPU', Value: String(job.gpus) }]),
  ]
}

/** What the worker is told, and what its work is. */
function environmentOf({ job }: Pipeline, { stage, jobPrefix }: Settings): Node[] {
  const variables = {
    MILLRACE_STAGE: stage,
    MILLRACE_TABLE: ref('Table'),
    MILLRACE_DROPS_BUCKET: ref('DropsBucket'),
    MILLRACE_STATE_BUCKET: ref('StateBucket'),
    MILLRACE_OUTPUT_BUCKET: ref('OutputBucket'),
    MILLRACE_BUS: ref('Bus'),
    MILLRACE_JOB_PREFIX: jobPrefix,
    // Nothing else can be written to.
    TMPDIR: scratchPath,
    ...job.environment,
  }
  return Object.entries(variables).map(([Name, Value]) => ({ Name, Value }))
}

function ulimitsOf({ job }: Pipeline): Node[] {
  return job.ulimits.map(({ name, soft, hard }) => ({ Name: name, SoftLimit: soft, HardLimit: hard }))
}

function mountsOf({ job }: Pipeline): Node {
  return {
    Volumes: [{ Name: scratchVolume }, ...job.volumes.map(volumeOf)],
    MountPoints: [
      { SourceVolume: scratchVolume, ContainerPath: scratchPath, ReadOnly: false },
      ...job.volumes.map(({ name, path, readOnly }) => ({
        SourceVolume: name,
        ContainerPath: path,
        ReadOnly: readOnly,
      })),
    ],
  }
}

function volumeOf({ name, hostPath, efs }: Pipeline['job']['volumes'][number]): Node {
  if (efs === undefined) return { Name: name, Host: { SourcePath: hostPath } }
  const { fileSystemId, accessPointId } = efs
  return {
    Name: name,
    EfsVolumeConfiguration: {
      FileSystemId: fileSystemId,
      TransitEncryption: 'ENABLED',
      ...(accessPointId !== undefined && {
        AuthorizationConfig: { AccessPointId: accessPointId, Iam: 'ENABLED' },
      }),
    },
  }
}
