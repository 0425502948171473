/** What a deployment would make, and what that costs while nobody uses it: without an account, without a network. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { readYaml } from '../../local/serverless/variables.ts'
import { MillraceError } from '../../shared/errors.ts'
import { checkHere } from './checks.ts'
import { contentsOf, type Group, keptResources } from './contents.ts'
import { buildFunctions, callPackager, paramArgs, placeArgs } from './deploy.ts'
import { refuse } from './faults.ts'
import { type IdleCost, idleCost } from './idle-cost.ts'
import { imageTemplateFile } from './image.ts'
import type { DeployOptions } from './options.ts'
import type { Parts } from './parts.ts'
import { actionsFor, type Deployer, deployerFile } from './permissions.ts'
import type { Template } from './template.ts'

export interface DryRun {
  stage: string
  region: string
  contents: Group[]
  /** Logical ids of what outlives the stacks. */
  kept: string[]
  idleCost: IdleCost
  /** IAM actions that whoever deploys this needs. */
  permissions: string[]
}

/** Where nobody says: prices are those of this Region anyway. */
const regionOtherwise = 'us-east-1'
/** In place of a digest that is known only once the image is pushed. */
const imageOtherwise = `repository@sha256:${'0'.repeat(64)}`

/** Errors: CONFIG_INVALID with every fault of this machine's, PIPELINE_INVALID, REQUEST_REFUSED where it does not package. */
export async function dryRun(options: DeployOptions, parts: Parts): Promise<DryRun> {
  refuse(await checkHere(options, parts))
  await buildFunctions(options, parts)
  const region = options.region ?? parts.env.AWS_REGION ?? regionOtherwise
  const template = await packagedTemplate(options, parts, region)
  const templates = [template, ...(options.builder === 'none' ? [] : [imageTemplate(options, parts)])]
  return {
    stage: options.stage,
    region,
    contents: contentsOf(...templates),
    kept: templates.flatMap(keptResources),
    idleCost: idleCost(...templates),
    permissions: actionsFor(templates, readYaml(path.join(parts.root, deployerFile)) as Deployer),
  }
}

async function packagedTemplate(options: DeployOptions, parts: Parts, region: string): Promise<Template> {
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-dry-run-'))
  try {
    const given = options.params.find(param => param.startsWith('image='))?.slice('image='.length)
    const args = [...placeArgs(options.stage, region), ...paramArgs(options, given ?? imageOtherwise)]
    const { code, said } = await callPackager(parts, ['package', '--package', folder, ...args], false)
    if (code !== 0) throw new MillraceError('REQUEST_REFUSED', `It cannot be packaged: ${ownWords(said)}`)
    const text = await readFile(path.join(folder, 'cloudformation-template-update-stack.json'), 'utf8')
    return JSON.parse(text) as Template
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The packager says what a function of `infra/` refused once for each of its callers, with a stack trace each. */
function ownWords(said: string): string {
  return /Received rejection: MillraceError: ([\s\S]*?)\n\s+at /.exec(said)?.[1] ?? said.trim()
}

/** With its one parameter filled in. */
export function imageTemplate(
  { builder }: Pick<DeployOptions, 'builder'>,
  { root }: Pick<Parts, 'root'>,
): Template {
  const template = readYaml(path.join(root, imageTemplateFile)) as Template
  const builds = builder === 'codebuild' ? 'yes' : 'no'
  return { ...template, Conditions: { Builds: { 'Fn::Equals': [builds, 'yes'] } } }
}
