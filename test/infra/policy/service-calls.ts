/** What AWS itself does under our roles, as far as the template tells it to. */
import { functionNames } from '../../../shared/vocabulary.ts'
import { at, idOf, type Node, ofType, resource, type Template } from '../packaged.ts'
import { type Caller, containerOf, functionId } from './callers.ts'
import { arnOf, nameOf, resolved } from './resolve.ts'
import type { Need } from './statements.ts'

export interface Used {
  role: string
  need: Need
}

export function serviceCalls(template: Template, callers: ReadonlyMap<string, Caller>): Used[] {
  return [
    ...functionNames.flatMap(name => lambdaCalls(template, name)),
    ...[...callers.values()].flatMap(caller => firedSchedules(template, caller)),
    ...ofType(template, 'AWS::Scheduler::Schedule').flatMap(([, { Properties }]) =>
      givenSchedules(template, Properties.Target),
    ),
    ...ofType(template, 'AWS::Batch::JobDefinition').flatMap(([, { Properties }]) =>
      startedJobs(template, containerOf(Properties)),
    ),
  ]
}

/** Lambda polls, logs, traces and gives up under the function's own role. */
function lambdaCalls(template: Template, name: string): Used[] {
  const id = functionId(name)
  const declared = resource(template, id, 'AWS::Lambda::Function')
  const role = idOf(declared.Role)
  const polled = ofType(template, 'AWS::Lambda::EventSourceMapping')
    .filter(([, { Properties }]) => idOf(Properties.FunctionName) === id)
    .map(([, { Properties }]) => String(resolved(Properties.EventSourceArn, template)))
  const givenUp = ofType(template, 'AWS::Lambda::EventInvokeConfig')
    .filter(([, { Properties }]) => idOf(Properties.FunctionName) === id)
    .map(([, { Properties }]) =>
      String(resolved(at(Properties, 'DestinationConfig.OnFailure.Destination'), template)),
    )
  const traced = at(declared, 'TracingConfig.Mode') === 'Active'
  return [
    ...logging(role, `/aws/lambda/${nameOf(id, template)}`),
    ...on(role, traced ? ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'] : [], '*'),
    ...polled.flatMap(arn =>
      on(role, ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'], arn),
    ),
    ...givenUp.flatMap(arn => on(role, ['sqs:SendMessage'], arn)),
  ]
}

/** Scheduler puts the event on the bus under the role that it was passed. */
function firedSchedules(template: Template, { config }: Caller): Used[] {
  return ofType(template, 'AWS::IAM::Role')
    .filter(([id]) => resolved({ 'Fn::GetAtt': [id, 'Arn'] }, template) === config.schedulerRoleArn)
    .flatMap(([id]) => on(id, ['events:PutEvents'], config.busArn))
}

/** Scheduler invokes, and gives up, under the role of the schedule. */
function givenSchedules(template: Template, target: unknown): Used[] {
  const role = idOf(at(target, 'RoleArn'))
  const arn = (dotted: string): string => String(resolved(at(target, dotted), template))
  const given =
    at(target, 'EventBridgeParameters') === undefined ? 'lambda:InvokeFunction' : 'events:PutEvents'
  return [...on(role, [given], arn('Arn')), ...on(role, ['sqs:SendMessage'], arn('DeadLetterConfig.Arn'))]
}

/** ECS fetches the image and opens the log under the execution role. */
function startedJobs(template: Template, container: Node): Used[] {
  const role = idOf(container.ExecutionRoleArn)
  const group = String(resolved(at(container, 'LogConfiguration.Options.awslogs-group'), template))
  const [, repository] = /\.amazonaws\.com\/([^:@]+)/.exec(String(container.Image)) ?? []
  const repositories = repository === undefined ? [] : [arnOf('ecr', `repository/${repository}`)]
  const fetching = ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer']
  return [
    ...logging(role, group),
    ...on(role, ['ecr:GetAuthorizationToken'], '*'),
    ...repositories.flatMap(arn => on(role, fetching, arn)),
  ]
}

function logging(role: string, group: string): Used[] {
  const stream = arnOf('logs', `log-group:${group}:log-stream:one`)
  return on(role, ['logs:CreateLogStream', 'logs:PutLogEvents'], stream)
}

function on(role: string, actions: readonly string[], arn: string): Used[] {
  return actions.map(action => ({ role, need: { action, resource: arn } }))
}
