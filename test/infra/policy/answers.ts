/** What AWS might say to a call whose outcome the house in memory has had already. */
import { Readable } from 'node:stream'
import { ClientException } from '@aws-sdk/client-batch'
import { JobStatus } from '../../../shared/vocabulary.ts'

/** `missing`: the object that is asked for is not there. `refuses`: Batch does not end the job. */
export function answerOf(
  command: string,
  input: object,
  { missing, refuses }: { missing: boolean; refuses: boolean },
): object {
  const isRead = command === 'HeadObjectCommand' || command === 'GetObjectCommand'
  if (isRead && missing) throw notThere
  if (command === 'TerminateJobCommand' && refuses) {
    throw new ClientException({ message: 'it has ended', $metadata: { httpStatusCode: 400 } })
  }
  if (command === 'DescribeJobsCommand') {
    const { jobs = [] } = input as { jobs?: string[] }
    return { jobs: jobs.map(endedArray) }
  }
  const answer = plain[command]
  if (answer === undefined) throw new Error(`no answer is known to ${command}`)
  return answer()
}

const notThere = Object.assign(new Error('not there'), {
  name: 'NoSuchKey',
  $fault: 'client',
  $metadata: { httpStatusCode: 404 },
})

const endedArray = (jobId: string): object => ({
  jobId,
  jobName: 'job',
  status: JobStatus.FAILED,
  arrayProperties: { size: 2 },
})

const plain: Readonly<Record<string, () => object>> = {
  HeadObjectCommand: () => ({ ContentLength: 0, ETag: '"e"' }),
  GetObjectCommand: () => ({ ContentLength: 0, Body: Readable.from([]) }),
  PutObjectCommand: () => ({ ETag: '"e"' }),
  ListObjectsV2Command: () => ({ IsTruncated: false }),
  DeleteObjectCommand: () => ({}),
  DeleteObjectsCommand: () => ({}),
  CreateMultipartUploadCommand: () => ({ UploadId: 'u' }),
  UploadPartCommand: () => {
    throw Object.assign(new Error('no part is taken'), {
      $fault: 'client',
      $metadata: { httpStatusCode: 400 },
    })
  },
  AbortMultipartUploadCommand: () => ({}),
  GetItemCommand: () => ({}),
  PutItemCommand: () => ({}),
  UpdateItemCommand: () => ({ Attributes: {} }),
  QueryCommand: () => ({ Items: [] }),
  SubmitJobCommand: () => ({ jobId: 'j' }),
  ListJobsCommand: () => ({ jobSummaryList: [] }),
  TerminateJobCommand: () => ({}),
  PutEventsCommand: () => ({ FailedEntryCount: 0 }),
  CreateScheduleCommand: () => ({}),
  GetSecretValueCommand: () => ({ SecretString: '{"botToken":"t"}' }),
}
