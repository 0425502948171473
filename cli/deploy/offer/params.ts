/** Parameters as a deployment will have them, and who says so. */
import path from 'node:path'
import { readYaml } from '../../../local/serverless/variables.ts'
import type { DeployOptions } from '../options.ts'
import { at } from '../template.ts'

export interface Params {
  /** `''`: not set. */
  text(name: string): string
  /** Of a text separated by commas. */
  list(name: string): string[]
  /** Whether a person said it, by --param or for this stage; `false`: it is the default that everybody has. */
  isGiven(name: string): boolean
  /** Whether it is written as a variable, which only the packager fills in. */
  isVariable(name: string): boolean
}

export function paramsOf({ stage, params }: Pick<DeployOptions, 'stage' | 'params'>, root: string): Params {
  const file = at(readYaml(path.join(root, 'serverless.yml')), 'params')
  const ofCommand = Object.fromEntries(
    params.map(param => [param.slice(0, param.indexOf('=')), param.slice(param.indexOf('=') + 1)]),
  )
  const given = (name: string): unknown => ofCommand[name] ?? at(at(file, stage), name)
  const text = (name: string): string => String(given(name) ?? at(file, `default.${name}`) ?? '')
  return {
    text,
    list: name =>
      text(name)
        .split(',')
        .map(one => one.trim())
        .filter(Boolean),
    isGiven: name => given(name) !== undefined && given(name) !== '',
    isVariable: name => text(name).includes('${'),
  }
}
