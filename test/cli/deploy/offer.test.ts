/** `millrace deploy` looks at what the account and its Region have: zones, instances, quotas, service-linked roles. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { checked } from '../../../cli/deploy/checks.ts'
import { deploy } from '../../../cli/deploy/deploy.ts'
import type { Looked } from '../../../cli/deploy/offer/look.ts'
import { actionsFor, type Deployer, deployerFile } from '../../../cli/deploy/permissions.ts'
import { readYaml } from '../../../local/serverless/variables.ts'
import type { MillraceError } from '../../../shared/errors.ts'
import { everyFamily, type Land } from './land.ts'
import { type Town, town } from './stand-ins.ts'

const image = 'image=repository@sha256:1'
const zones = ['eu-central-1a', 'eu-central-1b', 'eu-central-1c']

interface Asked {
  land?: (land: Land) => void
  params?: string[]
  /** `job` of one pipeline, in place of those of the checkout. */
  job?: string
  stack?: boolean
}

async function placeOf(t: TestContext, { land, params = [], job, stack = false }: Asked): Promise<Town> {
  const place = await town(t, 'none')
  land?.(place.land)
  if (stack) place.stacks.set('millrace-prod', { status: 'CREATE_COMPLETE', outputs: {} })
  const options = { ...place.options, params: [image, ...params] }
  if (job === undefined) return { ...place, options }
  const pipelinesDir = path.join(place.parts.root, 'own')
  mkdirSync(pipelinesDir)
  writeFileSync(
    path.join(pipelinesDir, 'one.ts'),
    `export default { name: 'one', source: { prefix: 'a/', format: 'ndjson' }, work: { sql: 'SELECT * FROM input' },
      output: { prefix: 'b/' }, job: ${job} }`,
  )
  return { ...place, options: { ...options, pipelinesDir } }
}

async function looked(t: TestContext, asked: Asked): Promise<Looked> {
  const place = await placeOf(t, asked)
  return (await checked(place.options, place.parts)).offer
}

async function faults(t: TestContext, asked: Asked): Promise<string> {
  const place = await placeOf(t, asked)
  try {
    await deploy(place.options, place.parts)
  } catch (error) {
    assert.ok(!place.calls().some(({ who }) => /serverless|aws (Create|Update|Put)/.test(who)))
    return (error as MillraceError).message
  }
  throw new assert.AssertionError({ message: 'it was deployed' })
}

const given = ({ params }: Looked, name: string): string | undefined =>
  params.find(param => param.startsWith(`${name}=`))?.slice(name.length + 1)
const without = (lacks: string[]) => (land: Land) => {
  for (const zone of zones) land.families[zone] = everyFamily.filter(family => !lacks.includes(family))
}

describe('zones', () => {
  test('all that the account may use are taken, in order, and no Local Zone is', async t => {
    const local = { ZoneName: 'eu-central-1-ham-1a', State: 'available', ZoneType: 'local-zone' }
    const ill = { ZoneName: 'eu-central-1d', State: 'impaired', ZoneType: 'availability-zone' }
    const found = await looked(t, { land: land => land.otherZones.push(local, ill) })
    assert.deepEqual([found.params, found.notes], [[`zones=${zones.join(',')}`], []])
  })

  test('one that offers none of the instances is left out, and a note says so', async t => {
    const land = (there: Land): void => void Object.assign(there.families, { 'eu-central-1b': ['m3'] })
    const found = await looked(t, { land })
    assert.equal(given(found, 'zones'), 'eu-central-1a,eu-central-1c')
    assert.deepEqual(found.notes, ['eu-central-1b is left out: it offers none of the instance types'])
  })

  test('one that the stage has a subnet in stays, though AWS does not name it now, and a new one comes', async t => {
    const land = (there: Land): void => {
      there.subnets = { SubnetA: 'eu-central-1a', SubnetC: 'eu-central-1c' }
      delete there.families['eu-central-1c']
    }
    const found = await looked(t, { land, stack: true })
    assert.equal(given(found, 'zones'), zones.join(','))
    assert.deepEqual(found.notes, ['eu-central-1c is not available now; the stage keeps its subnet there'])
  })

  test('subnets that are not called by their zones stay as they are', async t => {
    const land = (there: Land): void => void Object.assign(there.subnets, { SubnetA: 'eu-central-1b' })
    const found = await looked(t, { land, stack: true })
    assert.equal(given(found, 'zones'), undefined)
    assert.match(found.notes.join(), /subnets stay in eu-central-1b/)
  })

  test('those that a person names are taken as they are; what that deletes is said', async t => {
    const params = ['zones=eu-central-1a']
    const land = (there: Land): void => void Object.assign(there.subnets, { SubnetB: 'eu-central-1b' })
    const found = await looked(t, { params, land, stack: true })
    assert.deepEqual(found.params, [])
    assert.match(found.notes.join(), /leaves out eu-central-1b, .* will be deleted/)
  })

  test('a Local Zone is none of them, though the account may use it', async t => {
    const local = { ZoneName: 'eu-central-1-ham-1a', State: 'available', ZoneType: 'local-zone' }
    const land = (there: Land): void => void there.otherZones.push(local)
    const words = await faults(t, { params: ['zones=eu-central-1-ham-1a'], land })
    assert.match(
      words,
      /cannot use eu-central-1-ham-1a[\s\S]*There are eu-central-1a,eu-central-1b,eu-central-1c;/,
    )
  })

  test('one that the account cannot use is a fault; with subnets of your own nobody asks for zones', async t => {
    assert.match(
      await faults(t, { params: ['zones=eu-central-1x'] }),
      /cannot use eu-central-1x[\s\S]*There are eu-central-1a,/,
    )
    const found = await looked(t, { params: ['subnetIds=subnet-1', 'securityGroupIds=sg-1'] })
    assert.deepEqual(found.params, [])
  })
})

describe('instances', () => {
  test('of the defaults those are left out that the Region does not offer, and a note names them', async t => {
    const found = await looked(t, { land: without(['c7a', 'm7a', 'r7a']) })
    assert.equal(given(found, 'instanceTypes'), 'c7i,m7i,c5,m5,r5,m6i,r6i,c6i,r7i,m6a,c6a,r6a')
    assert.deepEqual(found.notes, ['eu-central-1 does not offer c7a, m7a, r7a: instanceTypes goes without'])
  })

  test('what no pipeline uses is not asked for, what one uses is', async t => {
    const land = without(['g5', 'm8g'])
    assert.deepEqual((await looked(t, { land })).notes, [])
    assert.match((await looked(t, { land, job: "{ architecture: 'arm64' }" })).notes.join(), /not offer m8g/)
    assert.match((await looked(t, { land, job: '{ gpus: 1 }' })).notes.join(), /not offer g5/)
    const fargate = await looked(t, { land, job: "{ platform: 'FARGATE' }" })
    assert.deepEqual(fargate.notes, [])
  })

  test('what a person names, and the Region lacks, is a fault that says what is left', async t => {
    const land = without(['c7a'])
    const params = ['instanceTypes=c7a,m7i.large,m7i.9xlarge']
    assert.match(
      await faults(t, { land, params }),
      /instanceTypes: eu-central-1 does not offer c7a, m7i\.9xlarge\n.*Leave them out: m7i\.large/,
    )
    assert.deepEqual(
      (await looked(t, { land, params: ['instanceTypes=m7i.large,default_x86_64'] })).notes,
      [],
    )
  })

  test('so it is with those of the stage in serverless.yml, and of a pipeline', async t => {
    const place = await placeOf(t, {
      land: without(['g6']),
      job: "{ gpus: 1, instances: { types: ['g6', 'g5'] } }",
    })
    const file = path.join(place.parts.root, 'serverless.yml')
    const staged = {
      ...Object(readYaml(file)),
      params: { default: { instanceTypes: 'm7i' }, prod: { instanceTypes: 'x9' } },
    }
    writeFileSync(file, JSON.stringify(staged))
    await assert.rejects(checked({ ...place.options, params: [] }, place.parts), (error: Error) => {
      assert.match(error.message, /instanceTypes: eu-central-1 does not offer x9/)
      assert.match(error.message, /pipeline one: job\.instances\.types: eu-central-1 does not offer g6/)
      return true
    })
  })

  test('a family is not another one whose name begins like it', async t => {
    const land = (there: Land): void => {
      without(['m7i'])(there)
      for (const zone of zones) there.families[zone]?.push('m7i-flex')
    }
    assert.match(await faults(t, { land, params: ['instanceTypes=m7i,m6i'] }), /does not offer m7i\n/)
    assert.deepEqual((await looked(t, { land, params: ['instanceTypes=m7i-flex'] })).notes, [])
  })

  test('a list of which nothing is left is a fault, though it is the default', async t => {
    const words = await faults(t, { land: without(['g4dn', 'g5', 'g6']), job: '{ gpus: 1 }' })
    assert.match(words, /instanceTypesGpu: .* does not offer g4dn, g5, g6[\s\S]*another Region/)
  })
})

describe('quotas', () => {
  const small = (land: Land): void => void Object.assign(land.quotas, { 'L-34B43A08': 32 })

  test('one that is below the limit is said, with how many partitions run and how to get more', async t => {
    const { notes } = await looked(t, { land: small, job: '{ vcpus: 2 }' })
    assert.match(
      notes.join(),
      /^quota L-34B43A08 \(Spot, standard instances\) is 32 vCPUs, maxvCpus 256, so at most 16 partitions at once\. .*--desired-value 256$/,
    )
  })

  test('what never starts under it is named; a limit below it asks for nothing', async t => {
    const { notes } = await looked(t, { land: small, job: '{ vcpus: 64 }' })
    assert.match(notes.join(), /at most 0 partitions at once \(none of one\)/)
    assert.deepEqual((await looked(t, { land: small, params: ['maxvCpus=32'] })).notes, [])
  })

  test('those of GPUs and Fargate are of interest to who uses them', async t => {
    const land = (there: Land): void => void Object.assign(there.quotas, { 'L-3819A6DF': 0, 'L-36FBB829': 4 })
    assert.deepEqual((await looked(t, { land })).notes, [])
    assert.match((await looked(t, { land, job: '{ gpus: 1 }' })).notes.join(), /L-3819A6DF \(Spot, G and VT/)
    const fargate = await looked(t, { land, job: "{ platform: 'FARGATE' }" })
    assert.match(fargate.notes.join(), /L-36FBB829 .*--service-code fargate/)
  })

  test('who may not look them up may deploy, and is told', async t => {
    const place = await placeOf(t, {})
    place.failing.add('GetServiceQuotaCommand')
    const deployed = await deploy(place.options, place.parts)
    assert.match(deployed?.notes.join() ?? '', /could not all be looked up \(AccessDeniedException\)/)
    assert.ok(place.said.some(line => line.startsWith('note: ') && line.includes('quotas')))
  })
})

describe('service-linked roles', () => {
  const made = ({ calls }: Town): string[] =>
    calls()
      .filter(({ who }) => who === 'aws CreateServiceLinkedRole')
      .map(({ args }) => JSON.parse(args[0] ?? '').AWSServiceName)

  test('those that are missing are made, before anything else, and the others are not', async t => {
    const place = await placeOf(t, { land: land => land.roles.delete('AWSServiceRoleForEC2Spot') })
    const { notes } = (await deploy(place.options, place.parts)) ?? {}
    assert.deepEqual([made(place), notes], [['spot.amazonaws.com'], []])
    const order = place.calls().map(({ who }) => who)
    assert.ok(order.indexOf('aws CreateServiceLinkedRole') < order.indexOf('serverless'))
  })

  test('whoever may not make Batch’s is told who does what, and nothing is made', async t => {
    const place = await placeOf(t, { land: land => land.roles.clear() })
    place.failing.add('CreateServiceLinkedRoleCommand')
    await assert.rejects(deploy(place.options, place.parts), ({ message, remedy }: MillraceError) => {
      assert.match(message, /AWSServiceRoleForBatch is not in the account, and you may not make it/)
      for (const name of ['batch', 'ecs', 'spot'])
        assert.match(
          remedy ?? '',
          new RegExp(`create-service-linked-role --aws-service-name ${name}\\.amazonaws\\.com`),
        )
      return true
    })
    assert.ok(!place.calls().some(({ who }) => who === 'serverless'))
  })

  test('the others Batch can make itself: a note says what to do where it cannot', async t => {
    const place = await placeOf(t, { land: land => land.roles.delete('AWSServiceRoleForECS') })
    place.failing.add('CreateServiceLinkedRoleCommand')
    const deployed = await deploy(place.options, place.parts)
    assert.match(
      deployed?.notes.join() ?? '',
      /AWSServiceRoleForECS; .*--aws-service-name ecs\.amazonaws\.com/,
    )
  })

  test('whoever may neither look nor make them may deploy, and is told what to do if one lacks', async t => {
    const place = await placeOf(t, {})
    for (const command of ['GetRoleCommand', 'CreateServiceLinkedRoleCommand']) place.failing.add(command)
    const deployed = await deploy(place.options, place.parts)
    assert.match(deployed?.notes.join() ?? '', /--aws-service-name batch\.amazonaws\.com/)
  })

  test('one that is there, though nobody may look, stops nothing', async t => {
    const place = await placeOf(t, {})
    place.failing.add('GetRoleCommand')
    assert.deepEqual((await deploy(place.options, place.parts))?.notes, [])
    assert.equal(made(place).length, 3)
  })
})

test('what is found is handed on to the packager, beside what was given', async t => {
  const place = await placeOf(t, { land: without(['c5']), params: ['maxvCpus=64'] })
  await deploy(place.options, place.parts)
  const { args = [] } = place.calls().find(({ who }) => who === 'serverless') ?? {}
  const handed = args.filter((_, at) => args[at - 1] === '--param')
  assert.deepEqual(handed.map(param => param.split('=')[0]).toSorted(), [
    'image',
    'instanceTypes',
    'maxvCpus',
    'zones',
  ])
})

test('zones that nobody may list are a fault: the stage’s own could get lost', async t => {
  const place = await placeOf(t, {})
  place.failing.add('DescribeAvailabilityZonesCommand')
  await assert.rejects(deploy(place.options, place.parts), /AccessDeniedException[\s\S]*permissions in docs/)
})

test('every call of a deployment is in the list of permissions', async t => {
  const place = await town(t, 'codebuild')
  place.land.roles.clear()
  place.land.subnets = { SubnetA: 'eu-central-1a' }
  place.stacks.set('millrace-prod', { status: 'CREATE_COMPLETE', outputs: {} })
  await deploy(place.options, place.parts)
  const deployer = readYaml(path.join(place.parts.root, deployerFile)) as Deployer
  const builds = { Resources: { Build: { Type: 'AWS::CodeBuild::Project' } } }
  const allowed = new Set(actionsFor([builds], deployer).map(action => action.split(':')[1]))
  const called = new Set(place.calls().flatMap(({ who }) => (who.startsWith('aws ') ? [who.slice(4)] : [])))
  assert.ok(called.size > 12, [...called].join())
  assert.deepEqual(
    [...called].filter(name => !allowed.has(name)),
    [],
  )
})
