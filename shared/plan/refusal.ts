/** Why an object cannot be taken as it is: a code of its own, where and why, and what to do. Pure. */
export interface Refusal {
  code: string
  words: string
  remedy: string
}

export function isRefusal(answer: object): answer is Refusal {
  return 'code' in answer && 'remedy' in answer
}
