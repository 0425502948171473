/** Where in a CSV record a scan stands. Pure. */
export const Place = {
  fieldStart: 0,
  unquoted: 1,
  quoted: 2,
  /** Behind a quote in a quoted field: the end of the field, or the first half of a doubled quote. */
  afterQuote: 3,
  /** Behind a CR behind such a quote. */
  afterQuoteCr: 4,
  /** A guess: somewhere outside quotes, perhaps in the middle of a field, so that a quote opens a field. */
  outside: 5,
  comment: 6,
} as const
export type Place = (typeof Place)[keyof typeof Place]

/** Where a scan that does not begin at a record may stand. */
export const places = { outside: Place.outside, inside: Place.quoted, comment: Place.comment }
export type Guess = keyof typeof places
