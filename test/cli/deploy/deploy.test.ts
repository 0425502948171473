/** `millrace deploy`: checks, then the image, then the stack; by programs and an account that only write down. */
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { deploy } from '../../../cli/deploy/deploy.ts'
import { dryRun } from '../../../cli/deploy/dry-run.ts'
import { deployedText, dryRunText } from '../../../cli/deploy/words.ts'
import { isError, type MillraceError } from '../../../shared/errors.ts'
import { type Call, registryHost, repositoryUri, type Town, town } from './stand-ins.ts'

const changing = /^(aws (Create|Update|Put|Start)|serverless|docker (login|buildx (build|create))|build)/
const spoken = ({ who, args }: Call): string => (who.startsWith('aws') ? who : `${who} ${args.join(' ')}`)
const changes = ({ calls }: Town): string[] =>
  calls()
    .map(spoken)
    .filter(call => changing.test(call))
const argsOf = ({ calls }: Town, who: string, word: string): string[] =>
  calls().find(call => call.who === who && call.args.join(' ').startsWith(word))?.args ?? []
const given = (args: string[], option: string): string[] =>
  args.flatMap((arg, at) => (arg === option ? [args[at + 1] ?? ''] : []))

async function refused(place: Town): Promise<MillraceError> {
  try {
    await deploy(place.options, place.parts)
  } catch (error) {
    if (error instanceof Error && 'remedy' in error) return error as MillraceError
    throw error
  }
  throw new assert.AssertionError({ message: 'it was deployed' })
}

describe('a deployment', () => {
  test('builds and pushes the image, then deploys the stack that names it by its digest', async t => {
    const place = await town(t)
    const deployed = await deploy(place.options, place.parts)
    const order = changes(place).map(call => call.split(' ').slice(0, 3).join(' '))
    assert.match(order[0] ?? '', /^build /)
    assert.deepEqual(
      order.slice(1).map(call => call.replace(/ --.*/, '')),
      ['aws CreateStack', 'docker login', 'docker buildx build', 'serverless deploy'],
    )
    const image = given(argsOf(place, 'serverless', 'deploy'), '--param').find(param =>
      param.startsWith('image='),
    )
    assert.match(image ?? '', new RegExp(`^image=${repositoryUri}@sha256:[0-9a-f]{20}$`))
    assert.equal(`image=${deployed?.image}`, image)
    assert.deepEqual(deployed?.outputs, { DropsBucket: 'drops-x1', Table: 'table-x1' })
  })

  test('logs Docker in by standard input: the token is in no argument', async t => {
    const place = await town(t)
    await deploy(place.options, place.parts)
    const login = place.calls().find(({ args }) => args[0] === 'login')
    assert.deepEqual(login?.args, ['login', '--username', 'AWS', '--password-stdin', registryHost])
    assert.equal(login?.input, 'a token')
    assert.ok(!place.calls().some(({ args }) => args.join(' ').includes('a token')))
  })

  test('builds for the processor that pipelines use, and for both where both are used', async t => {
    const place = await town(t)
    await deploy(place.options, place.parts)
    assert.deepEqual(given(argsOf(place, 'docker', 'buildx build'), '--platform'), ['linux/amd64'])

    const both = await town(t)
    const pipelinesDir = path.join(both.parts.root, 'pipelines')
    rmSync(path.join(pipelinesDir, 'not-in-the-image.ts'))
    writeFileSync(
      path.join(pipelinesDir, 'arm.ts'),
      `export default { name: 'arm', source: { prefix: 'a/', format: 'ndjson' }, work: { sql: 'SELECT * FROM input' },
        output: { prefix: 'b/' }, job: { architecture: 'arm64' } }`,
    )
    await deploy({ ...both.options, pipelinesDir }, both.parts)
    const build = argsOf(both, 'docker', 'buildx build')
    assert.deepEqual(given(build, '--platform'), ['linux/amd64,linux/arm64'])
    assert.deepEqual(given(build, '--builder'), ['millrace'])
  })

  test('neither builds nor pushes a worker that is there already; a changed one it does', async t => {
    const place = await town(t)
    const first = await deploy(place.options, place.parts)
    const second = await deploy(place.options, place.parts)
    const builds = (): string[] => changes(place).filter(call => call.startsWith('docker buildx build'))
    assert.equal(builds().length, 1)
    assert.deepEqual([first?.built, second?.built], [true, false])
    assert.equal(second?.image, first?.image)
    writeFileSync(path.join(place.parts.root, 'shared', 'a.ts'), 'export const a = 2\n')
    const third = await deploy(place.options, place.parts)
    assert.equal(builds().length, 2)
    assert.notEqual(third?.image, first?.image)
  })

  test('hands parameters, stage and Region on to the packager', async t => {
    const place = await town(t)
    await deploy({ ...place.options, params: ['maxvCpus=64', 'alarmEmail=a@b.c'] }, place.parts)
    const args = argsOf(place, 'serverless', 'deploy')
    assert.deepEqual(given(args, '--stage'), ['prod'])
    assert.deepEqual(given(args, '--region'), ['eu-central-1'])
    assert.deepEqual(given(args, '--param').slice(0, 2), ['maxvCpus=64', 'alarmEmail=a@b.c'])
  })

  test('says where, asks, and does nothing where the answer is no', async t => {
    const place = await town(t)
    const parts = { ...place.parts, confirm: async () => false }
    assert.equal(await deploy(place.options, parts), undefined)
    assert.deepEqual(changes(place), [])
    await deploy(place.options, place.parts)
    assert.deepEqual(place.questions, ['Deploy stage prod in account 123456789012, eu-central-1?'])
  })

  test('says at its end what to do next', async t => {
    const place = await town(t)
    const deployed = await deploy(place.options, place.parts)
    const text = deployed === undefined ? '' : deployedText(deployed)
    assert.match(text, /npx millrace drop <file> --pipeline flights --stage prod --wait/)
    assert.match(text, /https:\/\/eu-central-1\.console\.aws\.amazon\.com\/.*millrace-prod/)
    assert.match(text, /drops-x1/)
  })
})

describe('without Docker', () => {
  test('CodeBuild takes the same files, and builds under the same tag', async t => {
    const place = await town(t, 'codebuild')
    const { image } = (await deploy(place.options, place.parts)) ?? {}
    assert.ok(!place.calls().some(({ who }) => who === 'docker'))
    const keys = place
      .calls()
      .filter(({ who }) => who === 'aws PutObject')
      .map(({ args }) =>
        JSON.parse(args[0] ?? '')
          .Key.split('/')
          .slice(1)
          .join('/'),
      )
    assert.deepEqual(keys.toSorted(), [
      'package-lock.json',
      'shared/a.ts',
      'worker/Dockerfile',
      'worker/Dockerfile.dockerignore',
      'worker/main.ts',
    ])
    const start = JSON.parse(place.calls().find(({ who }) => who === 'aws StartBuild')?.args[0] ?? '')
    const tag = start.environmentVariablesOverride[0].value
    assert.equal(start.sourceLocationOverride, `sources-x1/${tag}/`)
    assert.ok(place.said.some(line => line.includes('https://log.example')))
    const docker = await town(t)
    assert.equal((await deploy(docker.options, docker.parts))?.image, image)
  })

  test('what the build made stays where Docker builds the next image', async t => {
    const place = await town(t, 'codebuild')
    await deploy(place.options, place.parts)
    await deploy({ ...place.options, builder: 'docker' }, place.parts)
    assert.equal(place.stacks.get('millrace-prod-image')?.outputs.Builds, 'yes')
  })

  test('a build that fails says in which phase, why, and where its log is; no stack is deployed', async t => {
    const place = await town(t, 'codebuild')
    place.failing.add('the cloud')
    const { message, remedy } = await refused(place)
    assert.match(message, /ended in pre_build as FAILED: no login/)
    assert.match(remedy ?? '', /https:\/\/log\.example/)
    assert.ok(!changes(place).some(call => call.startsWith('serverless')))
  })

  test('an image can be given instead, and nothing is built', async t => {
    const place = await town(t, 'none')
    const params = ['image=example.org/worker@sha256:1']
    const deployed = await deploy({ ...place.options, params }, place.parts)
    assert.equal(deployed?.image, 'example.org/worker@sha256:1')
    const handed = given(argsOf(place, 'serverless', 'deploy'), '--param')
    assert.deepEqual(
      handed.filter(param => param.startsWith('image=')),
      params,
    )
    assert.ok(!place.stacks.has('millrace-prod-image'))
  })
})

describe('before anything is done', () => {
  test('all that is in the way is said at once, each with what to do', async t => {
    const place = await town(t)
    rmSync(path.join(place.parts.root, 'node_modules'), { recursive: true })
    const error = await refused({
      ...place,
      options: {
        ...place.options,
        stage: 'local',
        params: ['maxVcpus=3', 'x'],
        pipelinesDir: path.join(place.parts.root, 'none'),
      },
      parts: { ...place.parts, env: { PATH: '' } },
    })
    assert.ok(isError(error, 'CONFIG_INVALID'))
    for (const words of [
      /no stage was named/,
      /npm ci/,
      /--param maxVcpus=3 names no parameter/,
      /--param x is not name=value/,
      /No pipeline file/,
      /docker is not on PATH/,
      /--builder codebuild/,
    ])
      assert.match(error.message, words)
    assert.deepEqual(changes(place), [])
  })

  test('values that the stack would be refused for are named, all of them; sound ones are not', async t => {
    const place = await town(t)
    const params = [
      'maxvCpus=lots',
      'network=foo',
      'deletionProtection=maybe',
      'logRetentionInDays=31',
      'keepRunsDays=0',
    ]
    const error = await refused({ ...place, options: { ...place.options, params } })
    for (const words of [
      /maxvCpus: must be a whole number from 1/,
      /network: must be public or private, not foo/,
      /deletionProtection: must be true or false/,
      /logRetentionInDays: must be one of 1, 3, 5/,
      /keepRunsDays: must be a number of days/,
    ])
      assert.match(error.message, words)
    assert.doesNotMatch(error.message, /keepPiecesDays|alarmEmail|maxvCpusOnDemand|zones/)
    assert.deepEqual(changes(place), [])
    const sound = [
      'maxvCpus=8',
      'network=private',
      'deletionProtection=true',
      'keepRunsDays=1',
      'fairShare=true',
    ]
    await deploy({ ...place.options, params: sound }, place.parts)
  })

  test('a pipeline whose jobs fit into no environment, or into no role, is named', async t => {
    const place = await town(t)
    const pipelinesDir = path.join(place.parts.root, 'pipelines')
    const write = (name: string, job: object): void => {
      const text = `export default { name: '${name}', source: { prefix: '${name}/', format: 'ndjson' },
        work: { sql: 'SELECT * FROM input' }, output: { prefix: 'b/' }, job: ${JSON.stringify(job)} }`
      writeFileSync(path.join(pipelinesDir, `${name}.ts`), text)
    }
    write('large', { vcpus: 16 })
    rmSync(path.join(pipelinesDir, 'not-in-the-image.ts'))
    const options = { ...place.options, pipelinesDir, params: ['maxvCpusOnDemand=8'] }
    const { message } = await refused({ ...place, options })
    assert.match(message, /large: a job of 16 vCPUs, where .* is 8/)
    assert.deepEqual(changes(place), [])
    await deploy({ ...options, params: [] }, place.parts)
    const resources = Array.from({ length: 300 }, (_, at) => `arn:aws:s3:::a-bucket-of-somebody-${at}/*`)
    write('asking', { permissions: [{ actions: ['s3:GetObject'], resources }] })
    const { message: tooLong } = await refused({ ...place, options: { ...options, params: [] } })
    assert.match(tooLong, /policies of JobRoleAsking: \d+ characters/)
  })

  test('a stage cannot be called as the stack with the images of another one', async t => {
    const place = await town(t)
    const options = { ...place.options, stage: 'prod-image' }
    assert.match((await refused({ ...place, options })).message, /holds the images of stage prod/)
    assert.deepEqual(changes(place), [])
    await deploy({ ...options, stage: 'image-prod' }, place.parts)
  })

  test('values that the packager would cut short are refused', async t => {
    const place = await town(t)
    for (const param of ['slackSecret=one\ntwo', 'slackSecret=one ', 'slackSecret=']) {
      const options = { ...place.options, params: [param] }
      assert.match((await refused({ ...place, options })).message, /--param slackSecret has no value/)
    }
    assert.deepEqual(changes(place), [])
    await deploy({ ...place.options, params: [`slackSecret=a,b"c;d' e`] }, place.parts)
  })

  test('credentials that may not are told from none', async t => {
    const place = await town(t)
    place.failing.add('GetAuthorizationTokenCommand')
    assert.match(
      (await refused(place)).message,
      /AccessDeniedException[\s\S]*permissions in docs\/deploy\.md/,
    )
    assert.deepEqual(changes(place), [])
  })

  test('a stack that is being changed, or is left over from a failure, stops it', async t => {
    for (const [status, words] of [
      ['UPDATE_IN_PROGRESS', /is being changed[\s\S]*Wait/],
      ['ROLLBACK_COMPLETE', /left over[\s\S]*remove it/],
    ] as const) {
      const place = await town(t)
      place.stacks.set('millrace-prod', { status, outputs: {} })
      assert.match((await refused(place)).message, words)
      assert.deepEqual(changes(place), [])
    }
    const place = await town(t)
    place.stacks.set('millrace-prod', { status: 'UPDATE_ROLLBACK_COMPLETE', outputs: {} })
    await deploy(place.options, place.parts)
  })

  test('an image is either built or given', async t => {
    const none = await town(t, 'none')
    assert.match((await refused(none)).message, /there is no image/)
    const two = await town(t)
    assert.match(
      (await refused({ ...two, options: { ...two.options, params: ['image=x'] } })).message,
      /Add `--builder none`/,
    )
  })
})

describe('a step that fails', () => {
  for (const [what, before] of [
    ['docker buildx build', 'make millrace-prod-image'],
    ['serverless deploy', 'put the image into its repository'],
  ] as const) {
    test(`${what}: nothing after it is done, and what was done before it is said`, async t => {
      const place = await town(t)
      place.failing.add(what)
      const { message, remedy } = await refused(place)
      assert.match(message, /^Could not /)
      assert.match(
        remedy ?? '',
        new RegExp(`Done before it: .*${before}.*Deploying again goes on from there`),
      )
      assert.equal(changes(place).at(-1)?.startsWith(what), true)
    })
  }

  test('the image stack: the first reason is said, not its consequences', async t => {
    const place = await town(t)
    place.failing.add('stack')
    assert.match((await refused(place)).message, /Repository: no more quota/)
    assert.ok(!changes(place).some(call => /docker|serverless/.test(call)))
  })

  test('a permission that lacks is told where to find', async t => {
    const place = await town(t)
    place.failing.add('CreateStackCommand')
    const { message, remedy } = await refused(place)
    assert.match(message, /Could not make millrace-prod-image: AccessDeniedException/)
    assert.match(remedy ?? '', /permissions in docs\/deploy\.md/)
  })

  test('a faulty function or pipeline stops it before the account is changed', async t => {
    const place = await town(t)
    place.failing.add('build')
    assert.match((await refused(place)).message, /as it was told/)
    assert.ok(!changes(place).some(call => call.startsWith('aws')))
  })
})

describe('a dry run', () => {
  test('asks no service, and packages without credentials', async t => {
    const place = await town(t)
    const none = (): never => {
      throw new Error('a dry run spoke to AWS')
    }
    const found = await dryRun(place.options, { ...place.parts, clients: none })
    assert.ok(!place.calls().some(({ who }) => who.startsWith('aws') || who === 'docker'))
    assert.match(dryRunText(found), /would have 2 resources; nothing was made/)
    assert.deepEqual(found.kept, ['Repository'])
    assert.ok(found.permissions.includes('kms:CreateKey'))
  })

  test('names every resource, but as many as fit on a terminal, and counts the rest', async t => {
    const place = await town(t)
    const ids = Array.from({ length: 9 }, (_, at) => `FunctionNumber${at}`)
    const found = {
      ...(await dryRun(place.options, place.parts)),
      contents: [{ group: 'functions', types: { 'Lambda::Function': ids }, count: ids.length }],
    }
    assert.match(dryRunText(found), /FunctionNumber0, .*FunctionNumber8$/m)
    for (const [columns, shown] of [
      [80, /9 {2}Lambda::Function {2}FunctionNumber0, FunctionNumber1, 7 more$/m],
      [40, /9 {2}Lambda::Function$/m],
    ] as const) {
      const text = dryRunText(found, columns)
      assert.match(text, shown)
      assert.ok(text.split('\n').every(line => !line.includes('Lambda::') || line.length <= columns))
    }
  })

  test('says what is wrong with parameters and pipelines all the same', async t => {
    const place = await town(t)
    const options = { ...place.options, params: ['nonsense=1'] }
    await assert.rejects(dryRun(options, place.parts), /nonsense=1 names no parameter/)
  })

  test('of what the packager says it says our own words, once, and no stack trace', async t => {
    const place = await town(t)
    const trace = `Received rejection: MillraceError: These pipelines are too much:\n  Role: 3 too many\n    at batch (file.ts:1:1)`
    writeFileSync(
      path.join(place.parts.root, 'node_modules/serverless/bin/serverless.js'),
      `console.error(${JSON.stringify(`Error:\n  - ${trace}\n  - ${trace}`)}); process.exitCode = 1`,
    )
    const message = 'It cannot be packaged: These pipelines are too much:\n  Role: 3 too many'
    await assert.rejects(dryRun(place.options, place.parts), { message })
  })
})
