/** Compute environments: every fleet on Spot, and its twin on demand, which cost nothing while nobody works. Pure. */
import { type Fleet, sharedFleet } from '../../shared/placement.ts'
import { securityGroupsOf, subnetsOf, wayOut } from '../network/resources.ts'
import { attribute, idOf, type Node, ref } from './cloudformation.ts'
import type { Settings } from './settings.ts'

/** Of instances that pipelines share. */
const sharedDiskGiB = 100
/** Jobs that still run when an update wants their instance are given so long. */
const updateMinutes = 360

export const environmentId = (fleet: Fleet, onDemand: boolean): string =>
  `${onDemand ? 'OnDemand' : 'Spot'}Environment${idOf(fleet.name)}`
const templateId = ({ name, instances }: Fleet): string =>
  instances === undefined ? 'LaunchTemplate' : `LaunchTemplate${idOf(name)}`

/** One for all that share instances, and one for each pipeline with instances, and so a disk, of its own. */
export function launchTemplates(
  fleets: readonly Fleet[],
  { jobPrefix, stage }: Settings,
): Record<string, Node> {
  const onInstances = [sharedFleet, ...fleets].filter(({ platform }) => platform === 'EC2')
  return Object.fromEntries(
    onInstances.map(fleet => [templateId(fleet), launchTemplate(fleet, { jobPrefix, stage })]),
  )
}

function launchTemplate(fleet: Fleet, { jobPrefix, stage }: Pick<Settings, 'jobPrefix' | 'stage'>): Node {
  const VolumeSize = fleet.instances?.diskGiB ?? sharedDiskGiB
  const Tags = tagList({ Name: jobPrefix, project: 'millrace', stage })
  return {
    Type: 'AWS::EC2::LaunchTemplate',
    Properties: {
      LaunchTemplateData: {
        // Jobs run in the host's network: one hop is enough, and a token is asked for.
        MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
        BlockDeviceMappings: [
          {
            DeviceName: '/dev/xvda',
            Ebs: { VolumeSize, VolumeType: 'gp3', Encrypted: true, DeleteOnTermination: true },
          },
        ],
        // Batch tags the instances; their disks only this does.
        TagSpecifications: [{ ResourceType: 'volume', Tags }],
      },
    },
  }
}

const tagList = (tags: Readonly<Record<string, string>>): Node[] =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))

export function computeEnvironment(fleet: Fleet, onDemand: boolean, settings: Settings): Node {
  const ComputeResources =
    fleet.platform === 'EC2' ? instances(fleet, onDemand, settings) : fargate(onDemand, settings)
  const way = wayOut(settings.network)
  return {
    Type: 'AWS::Batch::ComputeEnvironment',
    // It goes first: a gateway cannot be taken off while instances have public addresses.
    ...(way !== undefined && { DependsOn: way }),
    Properties: {
      Type: 'MANAGED',
      State: 'ENABLED',
      ...(fleet.platform === 'EC2' && inPlace),
      ComputeResources,
    },
  }
}

/**
 * A replacement would cut the queue from its instances in mid-run. Not of Fargate, where Batch refuses what
 * CloudFormation then sends ("can't be updated for Fargate compute environment"), and no instance has to be replaced.
 */
const inPlace = {
  ReplaceComputeEnvironment: false,
  UpdatePolicy: { TerminateJobsOnUpdate: false, JobExecutionTimeoutMinutes: updateMinutes },
}

function fargate(onDemand: boolean, settings: Settings): Node {
  return {
    Type: onDemand ? 'FARGATE' : 'FARGATE_SPOT',
    MaxvCpus: onDemand ? settings.maxvCpusOnDemand : settings.maxvCpus,
    Subnets: subnetsOf(settings.network),
    SecurityGroupIds: securityGroupsOf(settings.network),
  }
}

function instances(fleet: Fleet, onDemand: boolean, settings: Settings): Node {
  const maxvCpus = onDemand ? settings.maxvCpusOnDemand : settings.maxvCpus
  return {
    Type: onDemand ? 'EC2' : 'SPOT',
    AllocationStrategy: onDemand ? 'BEST_FIT_PROGRESSIVE' : 'SPOT_PRICE_CAPACITY_OPTIMIZED',
    MinvCpus: 0,
    MaxvCpus: fleet.instances?.maxvCpus ?? maxvCpus,
    InstanceTypes: instanceTypes(fleet, settings),
    Ec2Configuration: [{ ImageType: fleet.gpu ? 'ECS_AL2023_NVIDIA' : 'ECS_AL2023' }],
    UpdateToLatestImageVersion: true,
    InstanceRole: attribute('InstanceProfile', 'Arn'),
    Subnets: subnetsOf(settings.network),
    SecurityGroupIds: securityGroupsOf(settings.network),
    LaunchTemplate: {
      LaunchTemplateId: ref(templateId(fleet)),
      Version: attribute(templateId(fleet), 'LatestVersionNumber'),
    },
    Tags: { Name: `${settings.jobPrefix}-${fleet.name}`, project: 'millrace', stage: settings.stage },
  }
}

/** A family stands for all its sizes: the more pools to choose from, the seldomer Spot takes one back. */
function instanceTypes(fleet: Fleet, settings: Settings): string[] {
  if (fleet.instances !== undefined) return fleet.instances.types
  if (fleet.gpu) return settings.instanceTypesGpu
  return fleet.architecture === 'arm64' ? settings.instanceTypesArm64 : settings.instanceTypes
}
