import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  hasPublicAddress,
  interfaceServices,
  networkResources,
  securityGroupsOf,
  subnetsOf,
} from '../../../infra/network/resources.ts'
import { networkSettings } from '../../../infra/network/settings.ts'
import { walk } from '../packaged.ts'

const settingsOf = (params: Record<string, string> = {}) => networkSettings(name => params[name] ?? '')
const networkOf = (params: Record<string, string> = {}) => networkResources(settingsOf(params))

function typesIn(resources: ReturnType<typeof networkOf>): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { Type } of Object.values(resources)) counts[Type] = (counts[Type] ?? 0) + 1
  return counts
}

describe('the network', () => {
  it('is of the stage by default: public, over three zones, and without anything that is paid by the hour', () => {
    const network = networkOf()
    const counts = typesIn(network)
    assert.equal(counts['AWS::EC2::Subnet'], 3)
    assert.equal(counts['AWS::EC2::NatGateway'], undefined)
    const kinds = Object.values(network)
      .filter(({ Type }) => Type === 'AWS::EC2::VPCEndpoint')
      .map(({ Properties }) => Properties.VpcEndpointType)
    assert.deepEqual(kinds, ['Gateway', 'Gateway'])
    assert.deepEqual(subnetsOf(settingsOf()), [{ Ref: 'SubnetA' }, { Ref: 'SubnetB' }, { Ref: 'SubnetC' }])
    assert.equal(hasPublicAddress(settingsOf()), true)
  })

  it('takes the zones that are named, and moves no subnet of a zone that stays', () => {
    const all = networkOf({ zones: 'us-east-1a,us-east-1b,us-east-1c,us-east-1f' })
    const fewer = networkOf({ zones: 'us-east-1b, us-east-1f' })
    assert.equal(typesIn(all)['AWS::EC2::Subnet'], 4)
    assert.deepEqual(fewer.SubnetF, all.SubnetF)
    assert.deepEqual(fewer.SubnetB, all.SubnetB)
    assert.equal(fewer.SubnetF?.Properties.AvailabilityZone, 'us-east-1f')
    const blocks = Object.values(all).flatMap(({ Properties }) => Properties.CidrBlock ?? [])
    assert.equal(new Set(blocks).size, blocks.length)
  })

  it('can be private: no way to the internet, and an endpoint for each service that workers need', () => {
    const network = networkOf({ network: 'private' })
    const counts = typesIn(network)
    assert.equal(counts['AWS::EC2::InternetGateway'], undefined)
    assert.equal(counts['AWS::EC2::Route'], undefined)
    assert.equal(network.SubnetA?.Properties.MapPublicIpOnLaunch, false)
    const services = Object.values(network)
      .filter(({ Properties }) => Properties.VpcEndpointType === 'Interface')
      .map(({ Properties }) =>
        String((Properties.ServiceName as { 'Fn::Sub': string })['Fn::Sub']).replace(/^.*\}\./, ''),
      )
    assert.deepEqual(services, interfaceServices)
    assert.equal(hasPublicAddress(settingsOf({ network: 'private' })), false)
  })

  it('refers to nothing that it does not have, whichever it is', () => {
    for (const params of [{}, { network: 'private' }, { zones: 'eu-west-1a' }]) {
      const network = networkOf(params)
      const named = [...walk(network)].flatMap(({ where, value }) =>
        where.at(-1) === 'Ref' ? [String(value)] : [],
      )
      assert.deepEqual(
        named.filter(id => network[id] === undefined),
        [],
      )
    }
  })

  it('lets nothing in but what the endpoints are asked, and out by the named ports alone', () => {
    const network = networkOf({ network: 'private', egressPorts: '5432,443' })
    const egress = network.SecurityGroup?.Properties.SecurityGroupEgress as {
      FromPort: number
      ToPort: number
    }[]
    assert.deepEqual(
      egress.map(({ FromPort, ToPort }) => [FromPort, ToPort]),
      [
        [443, 443],
        [5432, 5432],
      ],
    )
    assert.equal(network.SecurityGroup?.Properties.SecurityGroupIngress, undefined)
    assert.deepEqual(network.EndpointSecurityGroup?.Properties.SecurityGroupIngress, [
      { IpProtocol: 'tcp', FromPort: 443, ToPort: 443, SourceSecurityGroupId: { Ref: 'SecurityGroup' } },
    ])
  })

  it('can be one that is there already: then none is made', () => {
    const settings = settingsOf({ subnetIds: 'subnet-1, subnet-2', securityGroupIds: 'sg-1' })
    assert.deepEqual(networkResources(settings), {})
    assert.deepEqual(subnetsOf(settings), ['subnet-1', 'subnet-2'])
    assert.deepEqual(securityGroupsOf(settings), ['sg-1'])
    assert.equal(hasPublicAddress(settings), false)
    assert.equal(hasPublicAddress({ ...settings, publicAddress: true }), true)
  })

  it('cannot be described by halves: all faults are told at once', () => {
    const wrong = {
      network: 'secret',
      zones: 'eu-central-1',
      egressPorts: '443,https',
      securityGroupIds: 'sg-1',
    }
    assert.throws(
      () => settingsOf(wrong),
      (error: Error) =>
        ['network', 'zones', 'egressPorts', 'securityGroupIds'].every(name =>
          error.message.includes(`${name}:`),
        ),
    )
    assert.throws(() => settingsOf({ subnetIds: 'subnet-1' }), /securityGroupIds: must be there/)
  })
})
