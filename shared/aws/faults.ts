/** What an AWS SDK call threw, in our words. Decided by error class and status, never by message text. */
import { MillraceError } from '../errors.ts'
import type { Clock } from '../ports.ts'

/** Names under which AWS services say "slow down"; not all of them answer 429 with it. */
const throttlingNames: ReadonlySet<string> = new Set([
  'ThrottlingException',
  'ThrottledException',
  'Throttling',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
])
const networkNames: ReadonlySet<string> = new Set([
  'TimeoutError',
  'RequestTimeout',
  'RequestTimeoutException',
])
const networkCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])
/** Each waits twice as long as the one before, with jitter. */
const attemptsMax = 4
const firstWaitMs = 200

interface SdkError {
  name: string
  message: string
  code?: string
  $fault?: 'client' | 'server'
  $metadata?: { httpStatusCode?: number }
}

/**
 * `doing` says which call, for the message. Errors: THROTTLED, TEMPORARY_FAILURE (5xx, network), REQUEST_REFUSED;
 * what no service said (a bug of ours) comes back as it is.
 */
export function awsFault(doing: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof MillraceError) return error
  const sdk: SdkError = error
  const status = sdk.$metadata?.httpStatusCode
  const message = `${doing}: ${sdk.name}: ${sdk.message}`
  if (throttlingNames.has(sdk.name) || status === 429) {
    return new MillraceError('THROTTLED', message, { cause: error })
  }
  if (sdk.$fault === 'server' || (status ?? 0) >= 500 || isNetwork(sdk)) {
    return new MillraceError('TEMPORARY_FAILURE', message, { cause: error })
  }
  if (sdk.$fault === 'client' || status !== undefined) {
    return new MillraceError('REQUEST_REFUSED', message, { cause: error, remedy: remedyFor(sdk, status) })
  }
  if (sdk.name === 'CredentialsProviderError') {
    return new MillraceError('REQUEST_REFUSED', message, {
      cause: error,
      remedy: 'Give this process AWS credentials.',
    })
  }
  return error
}

function isNetwork({ name, code }: SdkError): boolean {
  return networkNames.has(name) || (code !== undefined && networkCodes.has(code))
}

function remedyFor({ name }: SdkError, status: number | undefined): string {
  return status === 403 || name === 'AccessDeniedException'
    ? 'The role that made this call lacks the permission; deploy the stack again, or look for a policy that denies it.'
    : 'Check that what the message names exists in this account and Region; deploy the stack again.'
}

/**
 * For calls that are safe to repeat, on a client that does not repeat them itself: THROTTLED and TEMPORARY_FAILURE
 * are tried again, 4 times in all within some seconds. Errors: those of `awsFault`.
 */
export async function repeated<Answer>(
  clock: Clock,
  doing: string,
  call: () => Promise<Answer>,
): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      const fault = awsFault(doing, error)
      if (attempt === attemptsMax || !(fault instanceof MillraceError) || !fault.retryable) throw fault
      await clock.sleep(firstWaitMs * 2 ** (attempt - 1) * (0.5 + clock.random() / 2))
    }
  }
}
