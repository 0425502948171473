/**
 * Before a function or a worker starts, in its own process (`node --import`): whatever an SDK client sends is written
 * down, by what IAM would ask of its caller; and the pipelines are where a bundle would have them compiled in.
 */
import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { environment } from '../../../shared/config.ts'
import { record } from '../../infra/policy/recorder.ts'
import type { Need } from '../../infra/policy/statements.ts'

/** One line of the file that `MILLRACE_WIRE_CALLS` names. */
export interface Call {
  command: string
  needs: Need[]
}

type Client = Parameters<typeof record>[0]
interface Base {
  send(this: Client, ...given: unknown[]): unknown
}

const { MILLRACE_WIRE_CALLS: file, MILLRACE_WIRE_PIPELINES: pipelines } = environment()

if (file !== undefined) {
  // The class that every client of the SDK extends.
  const base = (Object.getPrototypeOf(DynamoDBClient) as { prototype: Base }).prototype
  const known = new WeakSet<Client>()
  const send = base.send
  base.send = function sendRecorded(...given) {
    if (!known.has(this)) {
      known.add(this)
      record(this, (needs, command) => {
        appendFileSync(file, `${JSON.stringify({ command, needs } satisfies Call)}\n`)
      })
    }
    return send.apply(this, given)
  }
}

if (pipelines !== undefined) {
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'millrace:pipelines' ? { url: pipelines, shortCircuit: true } : next(specifier, context),
  })
}
