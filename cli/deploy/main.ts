/** A deployment from this checkout, by this machine's programs, into whatever account the SDK finds. */
import { resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { systemClock } from '../../shared/clock.ts'
import { environment } from '../../shared/config.ts'
import { deploy } from './deploy.ts'
import { dryRun } from './dry-run.ts'
import { offerClients } from './offer/clients.ts'
import type { DeployOptions } from './options.ts'
import { awsClients, type Parts } from './parts.ts'
import { type RemoveOptions, remove } from './remove.ts'
import { deployedText, dryRunText, removedText } from './words.ts'

export async function sayDryRun(options: DeployOptions, json: boolean): Promise<void> {
  const found = await dryRun(options, parts(true))
  process.stdout.write(`${json ? JSON.stringify(found) : dryRunText(found, process.stdout.columns)}\n`)
}

export async function sayDeployed(options: DeployOptions, json: boolean, yes: boolean): Promise<void> {
  const deployed = await deploy(options, parts(yes))
  if (deployed === undefined) return void process.stderr.write('nothing was done\n')
  const { pipelines, ...facts } = deployed
  const object = { ...facts, pipelines: pipelines.map(({ name }) => name) }
  process.stdout.write(`${json ? JSON.stringify(object) : deployedText(deployed)}\n`)
}

export async function sayRemoved(options: RemoveOptions, json: boolean, yes: boolean): Promise<void> {
  const removed = await remove(options, parts(yes))
  if (removed === undefined) return void process.stderr.write('nothing was done\n')
  process.stdout.write(`${json ? JSON.stringify(removed) : removedText(removed)}\n`)
}

function parts(yes: boolean): Parts {
  return {
    root: resolve(import.meta.dirname, '..', '..'),
    env: environment(),
    clock: systemClock,
    say: line => void process.stderr.write(`${line}\n`),
    confirm: async question => yes || !process.stdin.isTTY || ask(question),
    clients: awsClients,
    offers: region => offerClients({ region }),
  }
}

async function ask(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim())
  } finally {
    terminal.close()
  }
}
