/** A stage that has all there is: of every kind of pipeline, with every switch on. */
import { pipelines, pipelineWith } from './batch/pipelines.ts'

const lines = { format: 'lines' as const }
const schedule = { expression: 'cron(0 2 * * ? *)' }
const kmsKeyArn = 'arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab'

export const everyPipeline = [
  ...pipelines,
  pipelineWith('nightly', {}, { source: { ...lines, prefix: 'nightly/', schedule } }),
  pipelineWith('lake', {}, { source: { ...lines, prefix: 'lake/', bucket: 'somebodys-lake', kmsKeyArn } }),
]

const params = [
  'slackSecret=millrace/slack',
  'alarmEmail=ops@example.com',
  'fairShare=true',
  'network=private',
]
/** Of the packager. */
export const everySwitch = ['--stage', 'prod', ...params.flatMap(param => ['--param', param])]
