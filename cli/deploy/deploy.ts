/** One deploy: the worker's image first, then the stage's stack, which names it by its digest. */
import path from 'node:path'
import { MillraceError } from '../../shared/errors.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { checked, packager, type Ready, remedyOf } from './checks.ts'
import { type Image, putImage, putImageStack } from './image.ts'
import { makeRoles } from './offer/linked-roles.ts'
import type { DeployOptions } from './options.ts'
import type { Parts } from './parts.ts'
import { run } from './programs.ts'
import { imageStackName, stackName, stackNow } from './stacks.ts'

export interface Deployed {
  stage: string
  region: string
  account: string
  /** What every job definition without an image of its own names. */
  image: string
  /** Whether this deployment built it; `false`: the same worker was there already, or it was given. */
  built: boolean
  outputs: Record<string, string>
  pipelines: Pipeline[]
  /** What the Region and the account do not give, as it was said before. */
  notes: string[]
}

/**
 * Errors: CONFIG_INVALID with everything that is in the way, before anything is done; NOT_ALLOWED where the person says
 * no; else those of the step that failed, whose remedy says what was done until then.
 */
export async function deploy(asked: DeployOptions, parts: Parts): Promise<Deployed | undefined> {
  const ready = await checked(asked, parts)
  const options = { ...asked, params: [...asked.params, ...ready.offer.params] }
  const { stage } = options
  const notes = [...ready.offer.notes]
  for (const note of notes) parts.say(`note: ${note}`)
  const where = `stage ${stage} in account ${ready.registry.account}, ${ready.region}`
  if (!(await parts.confirm(`Deploy ${where}?`))) return undefined
  const steps = stepsOf(parts)
  await steps.take('compile the pipelines into the functions', () => buildFunctions(options, parts))
  notes.push(...(await linkedRoles(parts, ready, steps)))
  const { image, built } = await imageOf(options, parts, ready, steps)
  await steps.take(`deploy ${stackName(stage)}`, () => deployStack(options, parts, ready.region, image))
  const stack = await stackNow(ready.clients.cloudformation, stackName(stage))
  return {
    stage,
    region: ready.region,
    account: ready.registry.account,
    image,
    built,
    outputs: stack?.outputs ?? {},
    pipelines: ready.pipelines,
    notes,
  }
}

/** Before anything else is made, for without them the rest is in vain. */
async function linkedRoles({ say }: Parts, { offers, offer }: Ready, steps: Steps): Promise<string[]> {
  const { rolesMissing } = offer
  if (rolesMissing.length === 0) return []
  const names = rolesMissing.map(({ role }) => role).join(', ')
  const notes = await steps.take(`make ${names}`, () => makeRoles(offers.iam, rolesMissing))
  for (const note of notes) say(`note: ${note}`)
  return notes
}

async function imageOf(
  options: DeployOptions,
  parts: Parts,
  { clients, registry, pipelines }: Ready,
  steps: Steps,
): Promise<Pick<Image, 'image' | 'built'>> {
  const { stage, builder, params } = options
  if (builder === 'none') {
    const given = params.find(param => param.startsWith('image=')) ?? ''
    return { image: given.slice('image='.length), built: false }
  }
  const stack = await steps.take(`make ${imageStackName(stage)}`, () =>
    putImageStack(parts, clients, stage, builder),
  )
  const image = await steps.take('put the image into its repository', () =>
    putImage(parts, clients, { stack, registry, builder, pipelines }),
  )
  parts.say(image.built ? `pushed ${image.image}` : `unchanged ${image.image}`)
  return image
}

interface Steps {
  take<Result>(what: string, work: () => Promise<Result>): Promise<Result>
}

/** Says each step; of one that fails, what was done before it and that it may be done again. */
function stepsOf({ say }: Pick<Parts, 'say'>): Steps {
  const done: string[] = []
  return {
    async take(what, work) {
      say(`== ${what}`)
      try {
        const result = await work()
        done.push(what)
        return result
      } catch (cause) {
        throw failedStep(what, done, cause)
      }
    },
  }
}

function failedStep(what: string, done: readonly string[], cause: unknown): MillraceError {
  const own = cause instanceof MillraceError ? cause : undefined
  const words = own?.message ?? `${(cause as Error).name}: ${(cause as Error).message}`
  const before = done.length === 0 ? 'Nothing was done before it.' : `Done before it: ${done.join('; ')}.`
  return new MillraceError(own?.code ?? 'REQUEST_REFUSED', `Could not ${what}: ${words}`, {
    cause,
    remedy: [own?.remedy ?? remedyOf(cause as Error), before, 'Deploying again goes on from there.']
      .filter(Boolean)
      .join(' '),
  })
}

/** In a process of its own, as `npm run build` does it. */
export async function buildFunctions(
  { pipelinesDir }: Pick<DeployOptions, 'pipelinesDir'>,
  { root, env }: Parts,
): Promise<void> {
  const args = [path.join(root, 'build.ts'), '--pipelines', pipelinesDir]
  const { code, said } = await run({ program: process.execPath, args, cwd: root, env })
  if (code === 0) return
  throw new MillraceError('PIPELINE_INVALID', said.trim(), { remedy: 'See `npm run build`.' })
}

async function deployStack(
  options: DeployOptions,
  parts: Parts,
  region: string,
  image: string,
): Promise<void> {
  const { code } = await callPackager(parts, [
    'deploy',
    ...placeArgs(options.stage, region),
    ...paramArgs(options, image),
  ])
  if (code === 0) return
  throw new MillraceError('REQUEST_REFUSED', `serverless ended with exit ${code}; its words are above`, {
    remedy:
      'What CloudFormation could not change it has put back, so that runs go on as before; of a first deployment it has taken away what it had made.',
  })
}

export function placeArgs(stage: string, region: string): string[] {
  return ['--stage', stage, '--region', region]
}

export function paramArgs({ params }: Pick<DeployOptions, 'params'>, image: string): string[] {
  const others = params.filter(param => !param.startsWith('image='))
  return [...others, ...(image === '' ? [] : [`image=${image}`])].flatMap(param => ['--param', param])
}

/** On our own Node, for what it reads of `infra/` is TypeScript. */
export function callPackager({ root, env }: Parts, args: readonly string[], aloud = true) {
  return run({ program: process.execPath, args: [path.join(root, packager), ...args], cwd: root, env, aloud })
}
