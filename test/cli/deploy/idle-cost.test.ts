/** What the packaged template costs while nobody uses it, and what must never be called free. */
import assert from 'node:assert/strict'
import { readdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { contentsOf, keptResources } from '../../../cli/deploy/contents.ts'
import { imageTemplate } from '../../../cli/deploy/dry-run.ts'
import { type IdleCost, idleCost } from '../../../cli/deploy/idle-cost.ts'
import { ticksPerMonth } from '../../../cli/deploy/meters.ts'
import { actionsFor, type Deployer, deployerFile, unknownTypes } from '../../../cli/deploy/permissions.ts'
import { prices } from '../../../cli/deploy/prices.ts'
import { madeResources, type Resource, type Template } from '../../../cli/deploy/template.ts'
import { readYaml } from '../../../local/serverless/variables.ts'
import { type Packaged, packageService } from '../../infra/packaged.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const deployer = readYaml(path.join(root, deployerFile)) as Deployer
const image = imageTemplate({ builder: 'codebuild' }, { root })
const costOf = (Resources: Record<string, Resource>, more: Partial<Template> = {}): IdleCost =>
  idleCost({ Resources, ...more })
const about = (actual: number, dollars: number): void =>
  assert.ok(Math.abs(actual - dollars) < 0.01, `${actual} is not about ${dollars}`)

describe('what is deployed', () => {
  let packaged: Packaged
  let template: Template
  before(async () => {
    packaged = await packageService()
    template = packaged.template
  })
  after(() => rm(packaged.dir, { recursive: true, force: true }))

  test('costs its key and cents while idle', () => {
    const { dollars, dollarsAtMost, lines, unpriced } = idleCost(template, image)
    assert.deepEqual(unpriced, [])
    assert.equal(lines.find(({ what }) => what === 'KMS key')?.dollars, 1)
    assert.ok(dollars < 1.5, `$${dollars}`)
    assert.ok(dollarsAtMost < 7.5, `$${dollarsAtMost}`)
    const paid = lines.filter(line => line.dollars >= 0.01).map(({ what }) => what)
    assert.deepEqual(paid, [
      'KMS key',
      'Lambda polls the queues',
      'DynamoDB reads on schedule',
      'Images kept',
    ])
  })

  test('has no line whose sum is not its arithmetic', () => {
    for (const { arithmetic, dollarsAtMost, dollars } of idleCost(template, image).lines) {
      const [units = 0, price = 0, free = 0] = (arithmetic.match(/[\d.,]*\d/g) ?? []).map(text =>
        Number(text.replaceAll(',', '')),
      )
      about(dollarsAtMost, units * price)
      about(dollars, Math.max(0, units - free) * price)
    }
  })

  test('is listed whole, in groups: nothing is left over', () => {
    const contents = contentsOf(template, image)
    const count = contents.reduce((sum, group) => sum + group.count, 0)
    assert.equal(count, madeResources(template).length + madeResources(image).length)
    assert.ok(!contents.some(({ group }) => group === 'others'))
  })

  test('keeps the data and their key', () => {
    for (const id of ['Key', 'Table', 'DropsBucket', 'StateBucket', 'OutputBucket'])
      assert.ok(keptResources(template).includes(id), id)
  })

  test('has no type of resource that the list of permissions leaves out', () => {
    assert.deepEqual(unknownTypes([template, image], deployer), [])
    assert.deepEqual(unknownTypes([{ Resources: { Db: { Type: 'AWS::RDS::DBInstance' } } }], deployer), [
      'AWS::RDS::DBInstance',
    ])
  })

  test('can be deployed without an action on everything of a service', () => {
    const actions = actionsFor([template, image], deployer)
    assert.ok(actions.includes('batch:CreateComputeEnvironment') && actions.includes('codebuild:StartBuild'))
    assert.deepEqual(
      actions.filter(action => !/^[a-z0-9-]+:[A-Z][A-Za-z]+$/.test(action)),
      [],
    )
  })
})

test('every type of resource that infra/ can make has a price and its permissions', async () => {
  const files = (await readdir(path.join(root, 'infra'), { recursive: true })).filter(name =>
    /\.(ts|yml)$/.test(name),
  )
  const texts = await Promise.all(files.map(name => readFile(path.join(root, 'infra', name), 'utf8')))
  const types = new Set(
    files.flatMap((name, at) =>
      name === 'deployer.yml' ? [] : (texts[at]?.match(/AWS::[A-Z]\w+::\w+/g) ?? []),
    ),
  )
  assert.ok(types.size > 30)
  const all = { Resources: Object.fromEntries([...types].map(Type => [Type, { Type }])) }
  assert.deepEqual(idleCost(all).unpriced, [])
  assert.deepEqual(unknownTypes([all], deployer), [])
})

describe('what is never called free', () => {
  test('a NAT gateway and its address', () => {
    const { dollars } = costOf({ Nat: { Type: 'AWS::EC2::NatGateway' }, Address: { Type: 'AWS::EC2::EIP' } })
    about(dollars, 730 * (0.045 + 0.005))
  })

  test('an interface endpoint, by its zones; a gateway endpoint is', () => {
    const endpoint = (SubnetIds: unknown, more: Partial<Template> = {}): number =>
      costOf(
        { E: { Type: 'AWS::EC2::VPCEndpoint', Properties: { VpcEndpointType: 'Interface', SubnetIds } } },
        more,
      ).dollars
    about(endpoint([{ Ref: 'A' }, { Ref: 'B' }]), 14.6)
    about(endpoint({ 'Fn::Split': [',', 'subnet-1,subnet-2'] }), 14.6)
    about(endpoint({ Ref: 'Unknown' }), 21.9)
    const Conditions = { One: { 'Fn::Equals': ['', ''] } }
    about(endpoint({ 'Fn::If': ['One', ['a'], ['b', 'c']] }, { Conditions }), 7.3)
    const gateway = { Type: 'AWS::EC2::VPCEndpoint', Properties: { VpcEndpointType: 'Gateway' } }
    assert.equal(costOf({ gateway }).dollars, 0)
  })

  test('instances that are never given back', () => {
    const environment = (MinvCpus: unknown): number =>
      costOf({
        E: { Type: 'AWS::Batch::ComputeEnvironment', Properties: { ComputeResources: { MinvCpus } } },
      }).dollars
    about(environment(4), 4 * 730 * prices.vcpuHour.dollars)
    about(environment('4'), 4 * 730 * prices.vcpuHour.dollars)
    assert.equal(environment(0), 0)
    assert.equal(environment(undefined), 0)
  })

  test('a table with capacity of its own', () => {
    const Properties = { ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 5 } }
    about(costOf({ T: { Type: 'AWS::DynamoDB::Table', Properties } }).dollars, 5 * 730 * (0.00013 + 0.00065))
  })

  test('a type that nobody has put a price on: it is named', () => {
    assert.deepEqual(costOf({ Db: { Type: 'AWS::RDS::DBInstance' } }).unpriced, ['AWS::RDS::DBInstance'])
  })

  test('what is made on a condition, unless that is known not to hold', () => {
    const Nat = { Type: 'AWS::EC2::NatGateway', Condition: 'Wanted' }
    const when = (Wanted: unknown): number => costOf({ Nat }, { Conditions: { Wanted } }).dollars
    const no = { 'Fn::Equals': ['', 'yes'] }
    assert.equal(when(no), 0)
    assert.equal(when({ 'Fn::And': [{ 'Fn::Equals': [{ Ref: 'P' }, ''] }, no] }), 0)
    about(when({ 'Fn::Not': [no] }), 32.85)
    about(when({ 'Fn::Or': [no, { 'Fn::Equals': [{ Ref: 'P' }, ''] }] }), 32.85)
  })
})

test('a schedule ticks as often as it says', () => {
  assert.equal(ticksPerMonth('rate(5 minutes)'), 8760)
  assert.equal(ticksPerMonth('rate(1 day)'), 730 / 24)
  assert.equal(Math.round(ticksPerMonth('cron(0 2 * * ? *)')), 30)
  assert.equal(Math.round(ticksPerMonth('cron(0/15 9-17 * * ? *)')), Math.round(36 * (730 / 24)))
  assert.equal(Math.round(ticksPerMonth('cron(* * * * ? *)')), 43_800)
  assert.equal(ticksPerMonth('at(2026-11-21T00:00:00)'), 1)
})
