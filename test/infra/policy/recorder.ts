/** Looks on at what SDK clients send, whoever answers them. */
import { findingNothing, needsOf } from './needs.ts'
import type { Need } from './statements.ts'

/** As every client of the SDK has one. The SDK's own types differ from client to client. */
interface AnyClient {
  middlewareStack: { add(middleware: unknown, options: object): void }
}

interface Sent {
  input: object
}
type Next = (sent: Sent) => Promise<unknown>
/** In place of the service. Whatever it throws is what the service threw. */
export type Answer = (command: string, input: object) => object | Promise<object>

/** `told` takes what each command needs, once it was answered; S3's "not there" needs more than "here it is". */
export function record(client: AnyClient, told: (needs: Need[], command: string) => void): void {
  const look =
    (next: Next, { commandName = '' }: { commandName?: string }) =>
    async (sent: Sent): Promise<unknown> => {
      told(needsOf(commandName, sent.input), commandName)
      try {
        return await next(sent)
      } catch (error) {
        if (isNotThere(commandName, error)) told(findingNothing({ ...sent.input }), commandName)
        throw error
      }
    }
  client.middlewareStack.add(look, { step: 'initialize', priority: 'high', name: 'policyRecorder' })
}

function isNotThere(command: string, error: unknown): boolean {
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } }
  return /^(Head|Get)ObjectCommand$/.test(command) && $metadata?.httpStatusCode === 404
}

/** Nothing is sent: `answer` is what the service says. */
export function standIn(client: AnyClient, answer: Answer): void {
  const answered =
    (_: Next, { commandName = '' }: { commandName?: string }) =>
    async ({ input }: Sent): Promise<unknown> => ({
      output: { $metadata: {}, ...(await answer(commandName, input)) },
      response: {},
    })
  client.middlewareStack.add(answered, { step: 'initialize', priority: 'low', name: 'policyStandIn' })
}
