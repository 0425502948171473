/** What every AWS SDK client of ours is told. */

/** Calls are short: whoever waits longer waits for an answer that does not come. */
const connectTimeoutMs = 3_000
const answerTimeoutMs = 30_000
/** S3 answers a part only when all of it has arrived. */
const uploadTimeoutMs = 300_000

export interface ClientOptions<Name extends string = string> {
  /** Default: the environment's, as Lambda and Batch set it. */
  region?: string
  /** Default: the environment's. */
  credentials?: { accessKeyId: string; secretAccessKey: string }
  /** URLs that stand in for AWS's own. S3 is then addressed by path, for no such server has a name per bucket. */
  endpoints?: { [name in Name]?: string }
}

export function clientSettings<Name extends string>(name: Name, options: ClientOptions<Name> = {}) {
  const { region, credentials, endpoints = {} } = options
  const endpoint: string | undefined = (endpoints as Record<string, string | undefined>)[name]
  return {
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(endpoint === undefined ? {} : { endpoint }),
    // Repeats nothing itself: SubmitJob must not be.
    ...(name === 'batch' ? { maxAttempts: 1 } : {}),
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: name === 's3' ? uploadTimeoutMs : answerTimeoutMs,
      // Else the SDK only warns on the console, and waits on.
      throwOnRequestTimeout: true,
    },
  }
}
