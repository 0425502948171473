/** What parameters and pipelines would be refused for when they are packaged, told before anything is made. Pure. */
import { paramNames, settingsFrom } from '../../infra/batch/settings.ts'
import { batchPart } from '../../infra/stage-parts.ts'
import { valueFaults, valueNames } from '../../infra/values.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import type { Fault } from './faults.ts'
import type { Params } from './offer/params.ts'

const remedy = 'Correct --param, or `params` in serverless.yml; docs/deploy.md lists them.'

/** @param pipelines those that load; the others are a fault of their own */
export function packagingFaults(params: Params, stage: string, pipelines: readonly Pipeline[]): Fault[] {
  // The packager alone fills in what is written as a variable.
  const known = (name: string): boolean => !params.isVariable(name)
  const own = valueFaults(valuesOf(params, valueNames))
    .filter(fault => known(fault.split(':')[0] ?? ''))
    .map(fault => `\n      ${fault}`)
  const faults =
    own.length === 0 ? [] : [{ fault: `parameters cannot be what they are:${own.join('')}`, remedy }]
  return paramNames.every(known) ? [...stackFaults(params, stage, pipelines), ...faults] : faults
}

function stackFaults(params: Params, stage: string, pipelines: readonly Pipeline[]): Fault[] {
  try {
    batchPart(pipelines, settingsFrom({ ...valuesOf(params, paramNames), stage }))
    return []
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    return [{ fault: error.message.replaceAll('\n', '\n    '), remedy: error.remedy ?? remedy }]
  }
}

function valuesOf(params: Params, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map(name => [name, params.text(name)]))
}
