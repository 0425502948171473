/** ARNs and ids, as the local stack gives them out. Pure but for the ids. */
import { newId } from '../../shared/clock.ts'

const region = 'us-east-1'
const account = '000000000000'
export const computeEnvironment = 'local'

const arn = (kind: string, name: string): string => `arn:aws:batch:${region}:${account}:${kind}/${name}`

export const arns = {
  queue: (name: string): string => arn('job-queue', name),
  job: (jobId: string): string => arn('job', jobId),
  definition: (name: string, revision: number): string => arn('job-definition', `${name}:${revision}`),
  computeEnvironment: arn('compute-environment', computeEnvironment),
  task: (task: string): string => `arn:aws:ecs:${region}:${account}:task/${computeEnvironment}/${task}`,
  instance: (instance: string): string =>
    `arn:aws:ecs:${region}:${account}:container-instance/${computeEnvironment}/${instance}`,
}
export const place = { region, account }

/** The name behind a name or an ARN. */
export function nameOf(nameOrArn: string): string {
  return nameOrArn.startsWith('arn:') ? nameOrArn.slice(nameOrArn.indexOf('/') + 1) : nameOrArn
}

const hex = (digits: number): string => newId().replaceAll('-', '').slice(0, digits)
export const newInstance = (): string => `i-${hex(17)}`
export const newTask = (): string => hex(32)

/** Also the path of the log beneath the logs folder: `<job id>/<attempt>.log`, `:` being no path's letter. */
export function logStreamName(jobId: string, attempt: number): string {
  return `${jobId.replace(':', '_')}/${attempt}.log`
}
