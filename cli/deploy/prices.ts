/**
 * What AWS takes for what a stack has or does while nobody uses it: list prices of us-east-1 in US dollars, as known in
 * November 2026. `free`: what each account is given every month, for ever, all stacks together.
 */

export const pricesOf = 'us-east-1, November 2026'

/** 365 x 24 / 12. */
export const hoursPerMonth = 730

interface Price {
  what: string
  unit: string
  dollars: number
  free: number
}

const million = 1e6

export const prices = {
  key: { what: 'KMS key', unit: 'key', dollars: 1, free: 0 },
  keyRequest: { what: 'KMS requests', unit: 'request', dollars: 0.03 / 1e4, free: 20_000 },
  secret: { what: 'Secrets Manager secrets', unit: 'secret', dollars: 0.4, free: 0 },
  queueRequest: {
    what: 'Lambda polls the queues',
    unit: 'SQS request',
    dollars: 0.4 / million,
    free: million,
  },
  invocation: { what: 'Lambda on schedule', unit: 'invocation', dollars: 0.2 / million, free: million },
  gbSecond: { what: 'Lambda on schedule', unit: 'GB-second', dollars: 0.0000133334, free: 400_000 },
  warmGbHour: { what: 'Provisioned concurrency', unit: 'GB-hour', dollars: 0.015, free: 0 },
  scheduled: { what: 'Scheduler', unit: 'tick', dollars: 1 / million, free: 14 * million },
  tableRead: { what: 'DynamoDB reads on schedule', unit: 'read unit', dollars: 0.125 / million, free: 0 },
  tableReadHour: { what: 'DynamoDB provisioned reads', unit: 'unit-hour', dollars: 0.00013, free: 0 },
  tableWriteHour: { what: 'DynamoDB provisioned writes', unit: 'unit-hour', dollars: 0.00065, free: 0 },
  logGb: { what: 'Log lines', unit: 'GB', dollars: 0.5, free: 5 },
  trace: { what: 'X-Ray traces', unit: 'trace', dollars: 5 / million, free: 100_000 },
  alarm: { what: 'Alarms', unit: 'alarm metric', dollars: 0.1, free: 10 },
  compositeAlarm: { what: 'Composite alarms', unit: 'alarm', dollars: 0.5, free: 0 },
  metric: { what: 'Custom metrics', unit: 'metric', dollars: 0.3, free: 10 },
  dashboard: { what: 'Dashboards', unit: 'dashboard', dollars: 3, free: 3 },
  imageGb: { what: 'Images kept', unit: 'GB', dollars: 0.1, free: 0 },
  natHour: { what: 'NAT gateways', unit: 'hour', dollars: 0.045, free: 0 },
  addressHour: { what: 'Public addresses', unit: 'hour', dollars: 0.005, free: 0 },
  endpointHour: { what: 'Interface endpoints', unit: 'endpoint-zone-hour', dollars: 0.01, free: 0 },
  vcpuHour: { what: 'Instances that are never given back', unit: 'vCPU-hour', dollars: 0.045, free: 0 },
} as const satisfies Record<string, Price>

export type PriceName = keyof typeof prices

/** What is taken for granted of the flow at rest, per tick of a schedule: reconcile, with no run open. */
export const perTick = {
  seconds: 1,
  /** START, REPORT, and a line of metrics. */
  logGb: 1e-6,
  tableReads: 10,
  /** DynamoDB and S3 ask for the table's and the buckets' key again every few minutes. */
  keyRequests: 2,
} as const

/** Compressed, both architectures, so many versions kept: a guess on the high side. */
export const imagesGb = 1
