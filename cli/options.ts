/** Options that every command takes. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { MillraceError } from '../shared/errors.ts'

export interface GlobalOptions {
  stage: string
  pipelinesDir: string
  dataDir: string
  json: boolean
}

export const localStage = 'local'

/** What a command that is given to a person to type needs behind it, to mean the same stage. */
export function stageOption(stage: string): string {
  return stage === localStage ? '' : ` --stage ${stage}`
}

export function addGlobalOptions(command: Command): Command {
  return command
    .option('--stage <name>', 'local (this machine), or the stage of a deployed stack', localStage)
    .option('--pipelines <dir>', 'folder with one file per pipeline', './pipelines')
    .option('--data <dir>', 'where the local stage keeps objects, records, queues and logs', '.millrace')
    .option('--json', 'print one JSON object (a line each where there are several) instead of text', false)
}

export function globalOptions(command: Command): GlobalOptions {
  const { stage, pipelines, data, json } = command.optsWithGlobals<Record<string, unknown>>()
  if (typeof stage !== 'string' || !/^[a-z][a-z0-9-]{0,31}$/.test(stage)) {
    throw new MillraceError('CONFIG_INVALID', `--stage ${String(stage)} is no stage name`, {
      remedy: 'Use 1 to 32 of a-z, 0-9 and -, starting with a letter.',
    })
  }
  return {
    stage,
    pipelinesDir: resolve(String(pipelines)),
    dataDir: resolve(String(data)),
    json: json === true,
  }
}
