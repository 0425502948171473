/** A Lambda function in a process of its own, as AWS runs it: started for one function, then one event after another. */
import { newId } from '../../../shared/clock.ts'

export interface Asked {
  id: number
  event: unknown
}

export interface Answered {
  id: number
  result?: unknown
  /** The stack of what it threw. */
  error?: string
}

type Handler = (event: unknown, context: object) => Promise<unknown>

const name = process.argv[2] ?? ''
const { handler } = (await import(new URL(`../../../functions/${name}.ts`, import.meta.url).href)) as {
  handler: Handler
}

process.on('message', async ({ id, event }: Asked) => {
  const context = { awsRequestId: newId(), functionName: name, callbackWaitsForEmptyEventLoop: false }
  const answer = await handler(event, context).then(
    (result): Answered => ({ id, result }),
    (error: Error): Answered => ({ id, error: error.stack ?? String(error) }),
  )
  process.send?.(answer)
})
