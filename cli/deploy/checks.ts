/** What must be right before anything is made: every fault at once, each with what to do about it. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { loadPipelines } from '../../local/pipelines.ts'
import { readYaml } from '../../local/serverless/variables.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { localStage } from '../options.ts'
import { dockerFault } from './docker.ts'
import { type Fault, refuse } from './faults.ts'
import type { OfferClients } from './offer/clients.ts'
import { type Looked, lookAtOffer } from './offer/look.ts'
import { paramsOf } from './offer/params.ts'
import type { DeployOptions } from './options.ts'
import type { Clients, Parts } from './parts.ts'
import { type Registry, registryOf } from './registry.ts'
import { imageStackName, stackName, stackNow, stuckStack } from './stacks.ts'
import { at } from './template.ts'
import { packagingFaults } from './values.ts'

export interface Ready {
  pipelines: Pipeline[]
  region: string
  registry: Registry
  clients: Clients
  offers: OfferClients
  /** Parameters beside the given ones, lines for a person, roles to make. */
  offer: Looked
}

export const regionFault: Fault = {
  fault: 'no Region is set',
  remedy: 'Add `--region eu-central-1`, or set AWS_REGION.',
}

export const packager = 'node_modules/serverless/bin/serverless.js'

/** What can be known on this machine alone. */
export async function checkHere(options: DeployOptions, { root }: Parts): Promise<Fault[]> {
  const packages = existsSync(path.join(root, packager))
    ? []
    : [{ fault: 'the packages are not installed', remedy: 'Run `npm ci`.' }]
  return [
    ...stageFaults(options),
    ...packages,
    ...paramFaults(options, root),
    ...(await pipelineFaults(options)),
    ...packagingFaults(paramsOf(options, root), options.stage, await soundPipelines(options)),
  ]
}

/** None where one is faulty, which is a fault of its own. */
function soundPipelines({ pipelinesDir }: DeployOptions): Promise<Pipeline[]> {
  return loadPipelines(pipelinesDir).catch(() => [])
}

/** Errors: CONFIG_INVALID with all faults. Nothing has been made or changed by then. */
export async function checked(options: DeployOptions, parts: Parts): Promise<Ready> {
  const docker = options.builder === 'docker' ? await dockerFault(parts) : undefined
  // Faulty ones are among the faults below; the account is looked at all the same.
  const pipelines = await soundPipelines(options)
  const account = await lookAtAccount(options, parts, pipelines)
  refuse([
    ...(await checkHere(options, parts)),
    ...imageFaults(options),
    ...(docker === undefined ? [] : [docker]),
    ...('faults' in account ? account.faults : []),
  ])
  if ('faults' in account) throw new MillraceError('INVARIANT_BROKEN', 'An account without faults is ready')
  return { pipelines, ...account }
}

export function stageFaults({ stage }: Pick<DeployOptions, 'stage'>): Fault[] {
  if (stage.endsWith('-image')) {
    const other = stage.replace(/-image$/, '')
    return [
      {
        fault: `stack ${stackName(stage)} would be the one that holds the images of stage ${other}`,
        remedy: 'Give the stage a name that does not end in -image.',
      },
    ]
  }
  if (stage !== localStage) return []
  return [
    {
      fault: 'no stage was named; `local` is this machine',
      remedy: 'Give it a name: `--stage dev`, `--stage prod`.',
    },
  ]
}

/** The packager takes a name that it does not know without a word. */
function paramFaults({ params }: DeployOptions, root: string): Fault[] {
  const known = Object.keys(at(readYaml(path.join(root, 'serverless.yml')), 'params.default') ?? {})
  return params.flatMap(param => {
    const [name = ''] = param.split('=')
    if (!param.includes('='))
      return [{ fault: `--param ${param} is not name=value`, remedy: 'Give both: `--param maxvCpus=64`.' }]
    if (/[\r\n]/.test(param) || param.trim() !== param || param.endsWith('='))
      return [
        {
          fault: `--param ${name} has no value, or one with a line break or a space at its end`,
          remedy: 'The packager would cut it short. Leave it out for the default.',
        },
      ]
    if (known.includes(name)) return []
    return [{ fault: `--param ${param} names no parameter`, remedy: `There are ${known.join(', ')}.` }]
  })
}

function imageFaults({ builder, params }: DeployOptions): Fault[] {
  const given = params.some(param => /^image=./.test(param))
  if (given && builder !== 'none') {
    return [
      { fault: '--param image names an image, and one would be built too', remedy: 'Add `--builder none`.' },
    ]
  }
  if (given || builder !== 'none') return []
  return [
    {
      fault: 'there is no image: none is built with `--builder none`',
      remedy: 'Give one by its digest: `--param image=<repository>@sha256:...`.',
    },
  ]
}

async function pipelineFaults({ pipelinesDir }: DeployOptions): Promise<Fault[]> {
  try {
    await loadPipelines(pipelinesDir)
    return []
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    return [
      { fault: error.message.replaceAll('\n', '\n    '), remedy: error.remedy ?? 'Correct the pipelines.' },
    ]
  }
}

type Account = Omit<Ready, 'pipelines'>

async function lookAtAccount(
  options: DeployOptions,
  parts: Parts,
  pipelines: readonly Pipeline[],
): Promise<Account | { faults: Fault[] }> {
  const region = await regionOf(options, parts)
  if (region === undefined) return { faults: [regionFault] }
  const clients = parts.clients(region)
  try {
    const registry = await registryOf(clients.ecr)
    const { stage } = options
    const { stuck, isDeployed } = await stacksOf(stage, clients)
    const offers = await parts.offers(region)
    const place = { stage, region, params: paramsOf(options, parts.root), pipelines, isDeployed }
    const offer = await lookAtOffer(place, clients.cloudformation, offers)
    const faults = [...stuck, ...offer.faults]
    return faults.length > 0 ? { faults } : { region, registry, clients, offers, offer }
  } catch (error) {
    return { faults: [accountFault(error as Error)] }
  }
}

/** The packager reads no profile for it, so it is told; and the two cannot differ. */
export async function regionOf(
  { region }: Pick<DeployOptions, 'region'>,
  parts: Parts,
): Promise<string | undefined> {
  if (region !== undefined) return region
  return parts
    .clients(undefined)
    .ecr.config.region()
    .catch(() => undefined)
}

async function stacksOf(
  stage: string,
  { cloudformation }: Clients,
): Promise<{ stuck: Fault[]; isDeployed: boolean }> {
  const names = [imageStackName(stage), stackName(stage)]
  const stacks = await Promise.all(names.map(name => stackNow(cloudformation, name)))
  return {
    stuck: names.flatMap((name, index) => stuckStack(name, stacks[index]?.status ?? '') ?? []),
    isDeployed: stacks[1] !== undefined,
  }
}

export function accountFault(error: Error): Fault {
  const otherwise = 'Check the credentials: `aws sso login`, AWS_PROFILE, or AWS_ACCESS_KEY_ID; and --region.'
  return { fault: `AWS says ${error.name}: ${error.message}`, remedy: remedyOf(error) ?? otherwise }
}

/** Where a permission is missing. */
export function remedyOf({ name }: Error): string | undefined {
  const denied = /AccessDenied|NotAuthorized|Unauthorized/.test(name)
  return denied ? 'Whoever deploys needs the permissions in docs/deploy.md.' : undefined
}
