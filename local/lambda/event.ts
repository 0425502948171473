/** What Lambda hands a function: SQS batches, the context, and the record of a failed event. */
import { createHash } from 'node:crypto'
import { isoTime, newId } from '../../shared/clock.ts'
import type { Clock } from '../../shared/ports.ts'
import { type World, worldKey } from '../../shared/world.ts'
import { localAccount, localRegion } from '../events/envelope.ts'
import type { Message } from '../events/queues.ts'
import type { FunctionWiring } from '../serverless/wiring.ts'

export interface SqsRecord {
  messageId: string
  receiptHandle: string
  body: string
  attributes: Record<string, string>
  messageAttributes: Record<string, never>
  md5OfBody: string
  eventSource: 'aws:sqs'
  eventSourceARN: string
  awsRegion: string
}

export function sqsEvent(messages: readonly Message[]): { Records: SqsRecord[] } {
  return { Records: messages.map(sqsRecord) }
}

function sqsRecord(message: Message): SqsRecord {
  return {
    messageId: message.messageId,
    receiptHandle: message.receipt,
    body: message.body,
    attributes: {
      ApproximateReceiveCount: String(message.receives),
      SentTimestamp: String(message.sentAt),
      SenderId: localAccount,
      ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
    },
    messageAttributes: {},
    md5OfBody: createHash('md5').update(message.body).digest('hex'),
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:${localRegion}:${localAccount}:${message.queue}`,
    awsRegion: localRegion,
  }
}

/** Lambda's context object, and the world under its symbol: handlers need no other door to the local ports. */
export function contextFor(
  lambda: FunctionWiring,
  world: World,
  clock: Clock,
  deadlineMs: number,
): Record<string | symbol, unknown> & { awsRequestId: string } {
  const functionName = `millrace-local-${lambda.name}`
  return {
    awsRequestId: newId(),
    functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: functionArn(lambda.name),
    memoryLimitInMB: String(lambda.memoryMiB),
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: 'local',
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => Math.max(0, deadlineMs - clock.now()),
    [worldKey]: world,
  }
}

function functionArn(name: string): string {
  return `arn:aws:lambda:${localRegion}:${localAccount}:function:millrace-local-${name}`
}

/** The shape in which Lambda sends an event it gave up on to the on-failure destination. */
export function failureRecord(
  lambda: FunctionWiring,
  message: Message,
  error: unknown,
  nowMs: number,
): Record<string, unknown> {
  const { name, message: errorMessage } = error instanceof Error ? error : new Error(String(error))
  return {
    version: '1.0',
    timestamp: isoTime(nowMs),
    requestContext: {
      requestId: message.messageId,
      functionArn: `${functionArn(lambda.name)}:$LATEST`,
      condition: 'RetriesExhausted',
      approximateInvokeCount: message.receives,
    },
    requestPayload: JSON.parse(message.body),
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    responsePayload: { errorType: name, errorMessage },
  }
}
