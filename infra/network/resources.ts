/**
 * Where workers run: a small network of the stage's own, public without NAT (free while idle) or private with interface
 * endpoints, or subnets that are there already. Nothing is let in, whichever. Pure.
 */
import { httpsPort, type NetworkSettings } from './settings.ts'

type Node = Record<string, unknown>
type Resources = Record<string, { Type: string; DependsOn?: string; Properties: Node }>

/** Every Region has three but us-west-1, where an account sees two. */
const zonesDefault = 3
/** Each costs by the hour: two zones keep the others served when one of them fails. */
const endpointZonesMax = 2
/** What the instances, their agent and the start of a container call. Source: Batch's and ECS's pages on interface VPC endpoints. */
export const interfaceServices = [
  'ecr.api',
  'ecr.dkr',
  'ecs',
  'ecs-agent',
  'ecs-telemetry',
  'logs',
  'secretsmanager',
  'ssm',
]

const ref = (id: string): Node => ({ Ref: id })
const sub = (text: string): Node => ({ 'Fn::Sub': text })

export function subnetsOf(settings: NetworkSettings): unknown[] {
  return settings.kind === 'existing'
    ? settings.subnetIds
    : lettersOf(settings).map(letter => ref(subnetId(letter)))
}

export function securityGroupsOf({ kind, securityGroupIds }: NetworkSettings): unknown[] {
  return kind === 'existing' ? securityGroupIds : [ref('SecurityGroup')]
}

/** Whether a task needs an address of its own to reach AWS: there is no NAT. */
export function hasPublicAddress({ kind, publicAddress }: NetworkSettings): boolean {
  return kind === 'existing' ? publicAddress : kind === 'public'
}

/** What instances with public addresses reach the internet by; `undefined` where there is none of ours. */
export function wayOut({ kind }: NetworkSettings): string | undefined {
  return kind === 'public' ? 'InternetRoute' : undefined
}

/** `{}` for an existing network. Zone a is always SubnetA: another list of zones moves no subnet that stays. */
export function networkResources(settings: NetworkSettings): Resources {
  if (settings.kind === 'existing') return {}
  return {
    Vpc: {
      Type: 'AWS::EC2::VPC',
      Properties: {
        CidrBlock: '10.42.0.0/16',
        EnableDnsSupport: true,
        EnableDnsHostnames: true,
        Tags: named(''),
      },
    },
    RouteTable: { Type: 'AWS::EC2::RouteTable', Properties: { VpcId: ref('Vpc'), Tags: named('') } },
    ...Object.assign({}, ...lettersOf(settings).map((letter, at) => subnet(settings, letter, at))),
    ...gatewayEndpoint('S3Endpoint', 's3'),
    ...gatewayEndpoint('DynamoDbEndpoint', 'dynamodb'),
    SecurityGroup: workerGroup(settings),
    ...(settings.kind === 'public' ? internet() : interfaceEndpoints(settings)),
  }
}

function lettersOf({ zones }: NetworkSettings): string[] {
  const letters =
    zones.length > 0 ? zones.map(zone => zone.slice(-1)) : [...'abcdefgh'].slice(0, zonesDefault)
  return letters.map(letter => letter.toUpperCase())
}

const subnetId = (letter: string): string => `Subnet${letter}`
const named = (suffix: string): Node[] => [{ Key: 'Name', Value: `millrace-\${sls:stage}${suffix}` }]

function subnet({ kind, zones }: NetworkSettings, letter: string, at: number): Resources {
  const block = letter.charCodeAt(0) - 'A'.charCodeAt(0)
  return {
    [subnetId(letter)]: {
      Type: 'AWS::EC2::Subnet',
      Properties: {
        VpcId: ref('Vpc'),
        CidrBlock: `10.42.${block * 16}.0/20`,
        AvailabilityZone: zones[at] ?? { 'Fn::Select': [at, { 'Fn::GetAZs': '' }] },
        MapPublicIpOnLaunch: kind === 'public',
        Tags: named(`-${letter.toLowerCase()}`),
      },
    },
    [`Route${letter}`]: {
      Type: 'AWS::EC2::SubnetRouteTableAssociation',
      Properties: { SubnetId: ref(subnetId(letter)), RouteTableId: ref('RouteTable') },
    },
  }
}

/** Free, and keep the data off the internet. */
function gatewayEndpoint(id: string, service: string): Resources {
  return {
    [id]: {
      Type: 'AWS::EC2::VPCEndpoint',
      Properties: {
        VpcId: ref('Vpc'),
        VpcEndpointType: 'Gateway',
        ServiceName: sub(`com.amazonaws.\${AWS::Region}.${service}`),
        RouteTableIds: [ref('RouteTable')],
      },
    },
  }
}

function workerGroup({ egressPorts }: NetworkSettings): Resources[string] {
  const egress = egressPorts.map(port => ({
    IpProtocol: 'tcp',
    FromPort: port,
    ToPort: port,
    CidrIp: '0.0.0.0/0',
  }))
  return {
    Type: 'AWS::EC2::SecurityGroup',
    Properties: {
      GroupDescription: 'Millrace workers - out by the ports that are named, nothing in',
      VpcId: ref('Vpc'),
      SecurityGroupEgress: egress,
    },
  }
}

function internet(): Resources {
  return {
    InternetGateway: { Type: 'AWS::EC2::InternetGateway', Properties: { Tags: named('') } },
    InternetGatewayAttachment: {
      Type: 'AWS::EC2::VPCGatewayAttachment',
      Properties: { VpcId: ref('Vpc'), InternetGatewayId: ref('InternetGateway') },
    },
    InternetRoute: {
      Type: 'AWS::EC2::Route',
      DependsOn: 'InternetGatewayAttachment',
      Properties: {
        RouteTableId: ref('RouteTable'),
        DestinationCidrBlock: '0.0.0.0/0',
        GatewayId: ref('InternetGateway'),
      },
    },
  }
}

function interfaceEndpoints(settings: NetworkSettings): Resources {
  const subnets = subnetsOf(settings).slice(0, endpointZonesMax)
  const endpoint = (service: string): Resources => ({
    [`${service.replace(/(^|[.-])(\w)/g, (_, __, letter: string) => letter.toUpperCase())}Endpoint`]: {
      Type: 'AWS::EC2::VPCEndpoint',
      Properties: {
        VpcId: ref('Vpc'),
        VpcEndpointType: 'Interface',
        ServiceName: sub(`com.amazonaws.\${AWS::Region}.${service}`),
        PrivateDnsEnabled: true,
        SubnetIds: subnets,
        SecurityGroupIds: [ref('EndpointSecurityGroup')],
      },
    },
  })
  return {
    EndpointSecurityGroup: {
      Type: 'AWS::EC2::SecurityGroup',
      Properties: {
        GroupDescription: 'Millrace endpoints - HTTPS from the workers',
        VpcId: ref('Vpc'),
        SecurityGroupIngress: [
          {
            IpProtocol: 'tcp',
            FromPort: httpsPort,
            ToPort: httpsPort,
            SourceSecurityGroupId: ref('SecurityGroup'),
          },
        ],
      },
    },
    ...Object.assign({}, ...interfaceServices.map(endpoint)),
  }
}
