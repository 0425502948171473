/** A loopback server that answers what a test says, for faults that no real server gives on request. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

export interface ScriptedServer {
  url: string
  requests: { method: string; url: string; headers: IncomingMessage['headers'] }[]
}

/** The answers in their order; the last one for all that follow. Ends with the test. */
export async function scriptedServer(t: TestContext, ...answers: Answer[]): Promise<ScriptedServer> {
  const requests: ScriptedServer['requests'] = []
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request
    const answer = answers[Math.min(requests.length, answers.length - 1)]
    requests.push({ method, url, headers })
    request.resume().on('end', () => answer?.(request, response))
  })
  await new Promise<void>(ready => {
    server.listen(0, '127.0.0.1', ready)
  })
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}
