/** How numbers among the options are read. */
import { InvalidArgumentError } from 'commander'

export function whole(text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new InvalidArgumentError('It must be a whole number.')
}

export function positive(text: string): number {
  const number = whole(text)
  if (number > 0) return number
  throw new InvalidArgumentError('It must be 1 or more.')
}

/** Both bounds included. */
export function between({ min, max }: { min: number; max: number }): (text: string) => number {
  return text => {
    const number = whole(text)
    if (number >= min && number <= max) return number
    throw new InvalidArgumentError(`It must be ${min} to ${max}.`)
  }
}
