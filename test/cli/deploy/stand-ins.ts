/** A checkout with small programs in place of Docker, the packager and the build, and an account that answers for AWS. */
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { type OfferClients, offerClients } from '../../../cli/deploy/offer/clients.ts'
import type { Builder, DeployOptions } from '../../../cli/deploy/options.ts'
import { awsClients, type Clients, type Parts } from '../../../cli/deploy/parts.ts'
import { standIn } from '../../infra/policy/recorder.ts'
import { tempDir } from '../../local/temp-dir.ts'
import { type Answers, type Land, land, landAnswers } from './land.ts'

const checkout = path.resolve(import.meta.dirname, '../../..')
export const registryHost = '123456789012.dkr.ecr.eu-central-1.amazonaws.com'
export const repositoryUri = `${registryHost}/millrace-prod-image-repository-x1`

/** One call of a program or a service. */
export interface Call {
  who: string
  args: string[]
  input?: string
}

export interface Town {
  options: DeployOptions
  parts: Parts
  /** All calls so far, in order: `docker buildx build`, `aws CreateStack`. */
  calls(): Call[]
  said: string[]
  /** Of the stacks, by name. */
  stacks: Map<string, { status: string; outputs: Record<string, string> }>
  /** Calls that fail: `docker buildx build`, `serverless deploy`, `CreateStackCommand`. */
  failing: Set<string>
  questions: string[]
  /** What the Region and the account have; it may be changed before a deployment. */
  land: Land
}

/** Writes down how it was called, and fails where it was told to. */
const program = (who: string, folder: string, more = ''): string => `
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
const args = process.argv.slice(2)
const input = ${who === 'docker' ? "args[0] === 'login' ? readFileSync(0, 'utf8') : ''" : "''"}
appendFileSync(${JSON.stringify(path.join(folder, 'calls.jsonl'))}, JSON.stringify({ who: '${who}', args, input }) + '\\n')
const failing = existsSync(${JSON.stringify(path.join(folder, 'failing'))}) ? readFileSync(${JSON.stringify(path.join(folder, 'failing'))}, 'utf8').split('\\n') : []
if (failing.some(one => one !== '' && ('${who} ' + args.join(' ')).startsWith(one))) { console.error('as it was told'); process.exit(3) }
${more}
`

export async function town(t: TestContext, builder: Builder = 'docker'): Promise<Town> {
  const folder = tempDir(t)
  const root = path.join(folder, 'checkout')
  layOut(root, folder)
  const there = land()
  const account = await standInAccount(folder, there)
  const said: string[] = []
  const questions: string[] = []
  return {
    options: {
      stage: 'prod',
      region: 'eu-central-1',
      params: [],
      builder,
      pipelinesDir: path.join(checkout, 'pipelines'),
    },
    parts: {
      root,
      env: { PATH: path.join(folder, 'bin') },
      clock: { now: () => 0, sleep: async () => {}, random: () => 0.5 },
      say: line => void said.push(line),
      confirm: async question => {
        questions.push(question)
        return true
      },
      clients: () => account.clients,
      offers: async () => account.offers,
    },
    calls: () => callsIn(folder),
    said,
    questions,
    land: there,
    stacks: account.stacks,
    failing: new Proxy(account.failing, {
      get: (set, name) =>
        name === 'add'
          ? (what: string) => {
              appendFileSync(path.join(folder, 'failing'), `${what}\n`)
              return set.add(what)
            }
          : Reflect.get(set, name).bind(set),
    }),
  }
}

function callsIn(folder: string): Call[] {
  const file = path.join(folder, 'calls.jsonl')
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Call)
}

function layOut(root: string, folder: string): void {
  const write = (name: string, text: string): void => {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true })
    writeFileSync(path.join(root, name), text)
  }
  for (const name of [
    'worker/Dockerfile',
    'worker/Dockerfile.dockerignore',
    'infra/image.yml',
    'infra/deployer.yml',
  ]) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true })
    cpSync(path.join(checkout, name), path.join(root, name))
  }
  cpSync(path.join(checkout, 'serverless.yml'), path.join(root, 'serverless.yml'))
  write('package.json', '{"type":"module"}')
  write('package-lock.json', '{}')
  write('shared/a.ts', 'export const a = 1\n')
  write('worker/main.ts', 'export const b = 1\n')
  write('pipelines/not-in-the-image.ts', '')
  write('build.ts', program('build', folder))
  write(
    'node_modules/serverless/bin/serverless.js',
    program(
      'serverless',
      folder,
      `const at = args.indexOf('--package')
if (args[0] === 'package') writeFileSync(args[at + 1] + '/cloudformation-template-update-stack.json', '{"Resources":{"Key":{"Type":"AWS::KMS::Key"}}}')`,
    ),
  )
  write('node_modules/serverless/package.json', '{"type":"module"}')
  mkdirSync(path.join(folder, 'bin'))
  const docker = path.join(folder, 'bin', 'docker')
  writeFileSync(`${docker}.mjs`, program('docker', folder))
  writeFileSync(docker, `#!/bin/sh\nexec "${process.execPath}" "${docker}.mjs" "$@"\n`)
  chmodSync(docker, 0o755)
}

const imageOutputs = (parameters: unknown): Record<string, string> => {
  const Builds = JSON.stringify(parameters).includes('"yes"') ? 'yes' : 'no'
  return {
    RepositoryUri: repositoryUri,
    Builds,
    Project: 'millrace-prod-image',
    Sources: 'sources-x1',
  }
}

async function standInAccount(
  folder: string,
  there: Land,
): Promise<Pick<Town, 'stacks' | 'failing'> & { clients: Clients; offers: OfferClients }> {
  const stacks: Town['stacks'] = new Map()
  const failing = new Set<string>()
  const builds: string[] = []
  const isDone = (who: string, word: string): boolean =>
    !failing.has(`${who} ${word}`) &&
    callsIn(folder).some(call => call.who === who && call.args.join(' ').includes(word))
  const answers: Answers = {
    ...landAnswers(there),
    GetAuthorizationTokenCommand: () => ({
      authorizationData: [
        {
          proxyEndpoint: `https://${registryHost}`,
          authorizationToken: Buffer.from('AWS:a token').toString('base64'),
        },
      ],
    }),
    DescribeStacksCommand: ({ StackName }) => {
      const name = String(StackName)
      if (name === 'millrace-prod' && isDone('serverless', 'deploy'))
        stacks.set(name, {
          status: 'CREATE_COMPLETE',
          outputs: { DropsBucket: 'drops-x1', Table: 'table-x1' },
        })
      const stack = stacks.get(name)
      if (stack === undefined) throw new Error(`Stack with id ${name} does not exist`)
      const { status, outputs } = stack
      // In the making the first time it is looked at.
      stacks.set(name, { status: status.replace('_IN_PROGRESS', '_COMPLETE'), outputs })
      return {
        Stacks: [
          {
            StackStatus: status,
            Outputs: Object.entries(outputs).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue })),
          },
        ],
      }
    },
    DescribeStackEventsCommand: () => ({
      StackEvents: [
        { LogicalResourceId: 'Other', ResourceStatus: 'CREATE_FAILED', ResourceStatusReason: 'cancelled' },
        {
          LogicalResourceId: 'Repository',
          ResourceStatus: 'CREATE_FAILED',
          ResourceStatusReason: 'no more quota',
        },
      ],
    }),
    CreateStackCommand: ({ StackName, Parameters }) => {
      if (stacks.has(String(StackName))) throw new Error(`Stack [${StackName}] already exists`)
      const status = failing.has('stack') ? 'ROLLBACK_COMPLETE' : 'CREATE_IN_PROGRESS'
      stacks.set(String(StackName), { status, outputs: imageOutputs(Parameters) })
      return {}
    },
    UpdateStackCommand: ({ StackName, Parameters }) => {
      const outputs = imageOutputs(Parameters)
      if (stacks.get(String(StackName))?.outputs.Builds === outputs.Builds)
        throw new Error('No updates are to be performed.')
      stacks.set(String(StackName), { status: 'UPDATE_IN_PROGRESS', outputs })
      return {}
    },
    DescribeImagesCommand: ({ imageIds }) => {
      const [{ imageTag = '' } = {}] = imageIds as { imageTag?: string }[]
      const built = isDone('docker', `:${imageTag}`) || builds.includes(imageTag)
      if (built) return { imageDetails: [{ imageDigest: `sha256:${imageTag.slice('worker-'.length)}` }] }
      throw Object.assign(new Error('no such image'), { name: 'ImageNotFoundException' })
    },
    PutObjectCommand: () => ({}),
    StartBuildCommand: () => ({ build: { id: 'build-1' } }),
    BatchGetBuildsCommand: () => buildNow(callsIn(folder), builds, failing),
  }
  const answer = (command: string, input: object): object => {
    appendFileSync(
      path.join(folder, 'calls.jsonl'),
      `${JSON.stringify({ who: `aws ${command.replace('Command', '')}`, args: [JSON.stringify(input)] })}\n`,
    )
    if (failing.has(command))
      throw Object.assign(new Error('as it was told'), { name: 'AccessDeniedException' })
    const known = answers[command]
    if (known === undefined) throw new Error(`nobody answers ${command}`)
    return known({ ...input })
  }
  const clients = awsClients('eu-central-1')
  const offers = await offerClients({ region: 'eu-central-1' })
  for (const client of [...Object.values(clients), ...Object.values(offers)]) standIn(client, answer)
  return { clients, offers, stacks, failing }
}

/** Under way the first time it is looked at. */
function buildNow(calls: Call[], builds: string[], failing: Set<string>): object {
  const looks = calls.filter(({ who }) => who === 'aws BatchGetBuilds').length
  const logs = { deepLink: 'https://log.example' }
  if (looks === 1)
    return { builds: [{ id: 'build-1', buildStatus: 'IN_PROGRESS', currentPhase: 'BUILD', logs }] }
  if (failing.has('the cloud')) {
    const phases = [{ phaseType: 'PRE_BUILD', phaseStatus: 'FAILED', contexts: [{ message: 'no login' }] }]
    return { builds: [{ id: 'build-1', buildStatus: 'FAILED', phases, logs }] }
  }
  const [, tag = ''] = /"TAG","value":"([^"]+)"/.exec(JSON.stringify(calls).replaceAll('\\', '')) ?? []
  builds.push(tag)
  return { builds: [{ id: 'build-1', buildStatus: 'SUCCEEDED', logs }] }
}
