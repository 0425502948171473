/** What an EC2 instance tells to those who run on it (IMDSv2), as far as a Spot notice goes: one instance an attempt. */
import type { IncomingMessage } from 'node:http'
import { isoTime } from '../../shared/clock.ts'
import type { Batch } from './batch.ts'

const path = /^\/instance\/([^/]+)\/(\d+)\/latest\/(.+)$/
const notice = 'meta-data/spot/instance-action'

export interface MetadataAnswer {
  status: number
  body: string
}

/** The value of AWS_EC2_METADATA_SERVICE_ENDPOINT for that attempt. */
export function metadataUrlFor({ url }: Batch, jobId: string, attempt: number): string {
  return `${url}/instance/${encodeURIComponent(jobId)}/${attempt}`
}

/** `undefined`: it is no question to an instance. */
export function answerMetadata(
  batch: Batch,
  { url = '', method, headers }: Pick<IncomingMessage, 'url' | 'method' | 'headers'>,
): MetadataAnswer | undefined {
  const [, job, attempt, asked] = path.exec(url) ?? []
  if (job === undefined) return undefined
  const token = Buffer.from(`${job}/${attempt}`).toString('base64url')
  if (method === 'PUT' && asked === 'api/token') {
    const isBounded = headers['x-aws-ec2-metadata-token-ttl-seconds'] !== undefined
    return isBounded ? { status: 200, body: token } : { status: 400, body: '' }
  }
  if (headers['x-aws-ec2-metadata-token'] !== token) return { status: 401, body: '' }
  const running = batch.running.get(decodeURIComponent(job))
  const goesAt = running?.attempt === Number(attempt) ? running?.goesAt : undefined
  if (method !== 'GET' || asked !== notice || goesAt === undefined) return { status: 404, body: '' }
  return { status: 200, body: JSON.stringify({ action: 'terminate', time: isoTime(goesAt) }) }
}
