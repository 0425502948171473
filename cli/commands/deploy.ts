/** The command that makes a stage in AWS. */
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { type Builder, builders } from '../deploy/options.ts'
import { globalOptions } from '../options.ts'
import type { Done } from './done.ts'

const more = `
The worker's image comes first: stack millrace-<stage>-image has its repository; it is built from just the files that
worker/Dockerfile copies, under a tag that is their hash, so that an unchanged worker is neither built nor pushed
again. Then the stage's stack, whose job definitions name the image by its digest. What fails half-way leaves the
stage as it was; the same command goes on from there.

Before that it asks what the Region offers: zones (all that are of use are taken), instance types (defaults that are
not offered there are left out), quotas for vCPUs, and the service-linked roles of Batch, ECS and Spot (missing ones
are made). docs/deploy.md says what is made of each answer.

--dry-run needs no account and no network: what would be made, and what it costs while nobody uses it.

Parameters are those of serverless.yml (docs/deploy.md has all of them).

Examples:
  $ npm run deploy -- --stage prod --region eu-central-1 --dry-run
  $ npm run deploy -- --stage prod --region eu-central-1
  $ npx millrace deploy --stage prod --builder codebuild            no Docker on this machine
  $ npx millrace deploy --stage prod --param slackSecret=millrace/slack --param maxvCpus=64
`

interface Own {
  region?: string
  param: string[]
  builder: Builder
  dryRun: boolean
  yes: boolean
}

export function addDeploy(program: Command, done: Done): void {
  program
    .command('deploy')
    .description('make a stage in AWS, or bring it up to date: image, functions, Batch, all of it')
    .option('--region <name>', "an AWS Region (default: AWS_REGION, or the profile's)")
    .option('--param <name=value>', 'a parameter of serverless.yml; may be given again', collect, [])
    .addOption(
      new Option('--builder <who>', 'who builds the image; none: it is given with --param image=...')
        .choices(builders)
        .default('docker'),
    )
    .option('--dry-run', 'say what would be made and what it costs while idle; make nothing', false)
    .option('--yes', 'do not ask on a terminal', false)
    .addHelpText('after', more)
    .action(async (own: Own, command: Command) => {
      const { stage, pipelinesDir, json } = globalOptions(command)
      const { region, param: params, builder } = own
      const options = { stage, pipelinesDir, params, builder, ...(region === undefined ? {} : { region }) }
      // SDK clients that no other command needs.
      const { sayDeployed, sayDryRun } = await import('../deploy/main.ts')
      const { alone } = await import('../deploy/turn.ts')
      const checkout = resolve(import.meta.dirname, '..', '..')
      await alone(checkout, () =>
        own.dryRun ? sayDryRun(options, json) : sayDeployed(options, json, own.yes),
      )
      done(0)
    })
}

function collect(value: string, before: string[]): string[] {
  return [...before, value]
}
