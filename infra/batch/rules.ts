/** What Batch says of our queues, and who hears it. Pure. */
import { JobStatus } from '../../shared/vocabulary.ts'
import { attribute, type Node, ref } from './cloudformation.ts'
import type { Queue } from './queues.ts'
import { chunked } from './submitters.ts'

/** EventBridge's limit of a pattern is 2,048 characters, of which the rest of ours takes less than 300. */
const queueCharactersMax = 1_700
/** Of a queue's Arn, without its name, in the longest Region and partition; with quotes and a comma. */
const arnCharacters = 70

interface Kind {
  id: string
  description: string
  detailType: string
  detail: Node
  target: { Id: string; Arn: Node; deadLetters: string }
}

const jobsQueue = { Id: 'jobs-queue', Arn: attribute('JobsQueue', 'Arn'), deadLetters: 'JobsDlq' }
const alarms = { Id: 'alarms', Arn: ref('AlarmsTopic'), deadLetters: 'FunctionsDlq' }

/** A successful child costs no message: its own record says it. */
const jobKinds: Kind[] = [
  {
    id: 'FailedChildrenRule',
    description: 'A child of an array job failed',
    detailType: 'Batch Job State Change',
    detail: { status: [JobStatus.FAILED], arrayProperties: { index: [{ exists: true }] } },
    target: jobsQueue,
  },
  {
    id: 'EndedJobsRule',
    description: 'An array job as a whole, or a plain job, ended',
    detailType: 'Batch Job State Change',
    detail: {
      status: [JobStatus.SUCCEEDED, JobStatus.FAILED],
      arrayProperties: { index: [{ exists: false }] },
    },
    target: jobsQueue,
  },
]
/** Batch says so itself, at least once, and with the reason: the event is the alarm. */
const blockedKind: Kind = {
  id: 'QueueBlockedRule',
  description: 'Jobs at the head of a queue cannot be placed',
  detailType: 'Batch Job Queue Blocked',
  detail: {},
  target: alarms,
}

/** The first of a kind bears its name; what one pattern cannot hold is the next one's. */
const chunksOf = (queues: readonly Queue[]): Queue[][] =>
  chunked(queues, queueCharactersMax, ({ name }) => name.length + arnCharacters)
const idAt = (kind: Kind, at: number): string => `${kind.id}${at === 0 ? '' : at + 1}`

export function jobRules(queues: readonly Queue[]): Record<string, Node> {
  const chunks = chunksOf(queues)
  return Object.fromEntries(
    [...jobKinds, blockedKind].flatMap(kind =>
      chunks.map((chunk, at) => [idAt(kind, at), ruleOf(kind, chunk)]),
    ),
  )
}

/** As `aws:SourceArn` has them: who may put Batch's words into the queue of jobs. */
export function jobsQueueSenders(queues: readonly Queue[]): Node[] {
  return jobKinds.flatMap(kind => chunksOf(queues).map((_, at) => attribute(idAt(kind, at), 'Arn')))
}

/** Who may tell people of a blocked queue. */
export function blockedSenders(queues: readonly Queue[]): Node[] {
  return chunksOf(queues).map((_, at) => attribute(idAt(blockedKind, at), 'Arn'))
}

function ruleOf({ description, detailType, detail, target }: Kind, queues: readonly Queue[]): Node {
  const { deadLetters, ...where } = target
  return {
    Type: 'AWS::Events::Rule',
    Properties: {
      Description: description,
      EventPattern: {
        source: ['aws.batch'],
        'detail-type': [detailType],
        // By name: queues of another stage may begin alike.
        detail: { jobQueue: queues.map(({ id }) => attribute(id, 'JobQueueArn')), ...detail },
      },
      Targets: [{ ...where, DeadLetterConfig: { Arn: attribute(deadLetters, 'Arn') } }],
    },
  }
}
