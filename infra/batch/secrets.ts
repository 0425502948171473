/** Secrets of a pipeline's work: by their names, never by their values. Pure. */
import type { Pipeline } from '../../shared/pipeline.ts'
import { arnOf, type Node, type Statement } from './cloudformation.ts'

type Secrets = Pipeline['job']['secrets']

/** Parameter Store's; everything else is Secrets Manager's. */
const parameterMark = 'ssm:'
/** Secrets Manager ends every Arn in six characters of its own. */
const ownSuffix = '-??????'

/** As a container is told where to find them. */
export function secretsOf(secrets: Secrets): Node[] {
  return Object.entries(secrets).map(([Name, where]) => ({ Name, ValueFrom: valueFrom(where) }))
}

function valueFrom(where: string): unknown {
  if (where.startsWith('arn:')) return where
  return where.startsWith(parameterMark) ? parameter(where) : arnOf('secretsmanager', `secret:${where}`)
}

function parameter(where: string): Node {
  return arnOf('ssm', `parameter/${where.slice(parameterMark.length).replace(/^\//, '')}`)
}

/** What whoever starts the container needs for it: these, and no other. */
export function secretStatements(secrets: Secrets): Statement[] {
  const all = [...new Set(Object.values(secrets))].toSorted()
  const parameters = all.filter(isParameter)
  const kept = all.filter(where => !isParameter(where))
  return [
    ...(kept.length === 0 ? [] : [reading('secretsmanager:GetSecretValue', kept.flatMap(secretArns))]),
    ...(parameters.length === 0 ? [] : [reading('ssm:GetParameters', parameters.map(valueFrom))]),
  ]
}

const isParameter = (where: string): boolean =>
  where.startsWith(parameterMark) || /^arn:[^:]+:ssm:/.test(where)

const reading = (Action: string, Resource: unknown[]): Statement => ({ Effect: 'Allow', Action, Resource })

/**
 * Behind the name may stand a key of its JSON, a stage and a version: `name:password::`. Without its suffix, too: of a
 * secret that is not there the error then says so, and not that it is forbidden.
 */
function secretArns(where: string): unknown[] {
  if (!where.startsWith('arn:')) {
    const [name] = where.split(':')
    return ['', ownSuffix].map(suffix => arnOf('secretsmanager', `secret:${name}${suffix}`))
  }
  const arn = where.split(':').slice(0, 7).join(':')
  return [arn, `${arn}${ownSuffix}`]
}
