/** The Spot notice as an EC2 instance tells it to what runs on it: IMDSv2. */
import { request } from 'node:http'

const requestMsMax = 1_000
const tokenSeconds = 21_600
/** A token has 56 characters, a notice about 60. */
const bodyBytesMax = 4_096

export interface Answer {
  notice: boolean
  /** To be handed in with the next question. */
  token?: string
  /** Why there is no answer. */
  fault?: string
}

/** Never throws. @param token of the answer before; absent: a new one is asked for */
export async function askForNotice(metadataUrl: string, token?: string): Promise<Answer> {
  try {
    const known = token ?? (await newToken(metadataUrl))
    const { status } = await ask(metadataUrl, 'GET', 'meta-data/spot/instance-action', {
      'x-aws-ec2-metadata-token': known,
    })
    if (status === 200 || status === 404) return { notice: status === 200, token: known }
    return { notice: false, fault: `answered ${status}` }
  } catch (error) {
    return { notice: false, fault: error instanceof Error ? error.message : String(error) }
  }
}

async function newToken(metadataUrl: string): Promise<string> {
  const ttl = { 'x-aws-ec2-metadata-token-ttl-seconds': String(tokenSeconds) }
  const { status, body } = await ask(metadataUrl, 'PUT', 'api/token', ttl)
  if (status === 200) return body.trim()
  throw new Error(`answered ${status} to the wish for a token`)
}

async function ask(
  metadataUrl: string,
  method: string,
  path: string,
  headers: Record<string, string>,
): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>()
  const url = `${metadataUrl.replace(/\/+$/, '')}/latest/${path}`
  const signal = AbortSignal.timeout(requestMsMax)
  const asked = request(url, { method, headers, signal, agent: false }, response => {
    let body = ''
    response.setEncoding('utf8')
    response.on('data', (text: string) => {
      body = `${body}${text}`.slice(0, bodyBytesMax)
    })
    response.once('end', () => resolve({ status: response.statusCode ?? 0, body }))
    response.once('error', reject)
  })
  // Nobody waits for a machine to say that it stays.
  asked.once('socket', socket => socket.unref())
  asked.once('error', reject)
  asked.end()
  return promise
}
