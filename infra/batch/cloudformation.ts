/** Pieces of CloudFormation as they are written again and again. Pure. */

export type Node = Readonly<Record<string, unknown>>
export interface Statement {
  Effect: 'Allow'
  Action: string | string[]
  Resource: unknown
  Condition?: Node
}

export const ref = (id: string): Node => ({ Ref: id })
export const attribute = (id: string, name: string): Node => ({ 'Fn::GetAtt': [id, name] })
export const sub = (text: string): Node => ({ 'Fn::Sub': text })

/** Letters and digits are all that an id may have; no two names give the same. */
export function idOf(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}`.replaceAll('-', 'Dash')
}

/** Of this account and Region. */
export function arnOf(service: string, resource: string): Node {
  return { 'Fn::Join': ['', [...arnBegin(service), resource]] }
}

function arnBegin(service: string): unknown[] {
  return ['arn:', ref('AWS::Partition'), `:${service}:`, ref('AWS::Region'), ':', ref('AWS::AccountId'), ':']
}

/** Keys of a bucket of the stack, as IAM names them. */
export function keysIn(bucket: string, pattern: string): Node {
  return { 'Fn::Join': ['', [attribute(bucket, 'Arn'), '/', pattern]] }
}

/** Whichever service asks KMS in the name of who reads or writes. */
export function through(...services: string[]): unknown[] {
  return services.map(service => sub(`${service}.\${AWS::Region}.amazonaws.com`))
}

export function roleOf(service: string, policyName: string, statements: readonly Statement[]): Node {
  return {
    Type: 'AWS::IAM::Role',
    Properties: {
      AssumeRolePolicyDocument: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
      },
      Policies: [
        { PolicyName: policyName, PolicyDocument: { Version: '2012-10-17', Statement: statements } },
      ],
    },
  }
}
