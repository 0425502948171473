/** What `millrace verify` can find to be wrong. Pure. */

export const faultCodes = {
  /** The certificate does not speak of the run as it was planned. */
  PLAN_DIFFERS: 'the run was planned otherwise',
  /** What it says of a partition or a merge is not what that reported. */
  RECORD_DIFFERS: 'the certificate and the records of its run differ',
  /** The ranges leave a gap, overlap, or end elsewhere than the data. */
  RANGES_DO_NOT_TILE: 'the ranges do not tile the source',
  /** A total is not the sum of its parts. */
  SUMS_DIFFER: 'the counts do not add up',
  /** A merged file is not what the certificate says it was made of. */
  MERGE_DIFFERS: 'a merge does not add up',
  SOURCE_MISSING: 'the source is no longer there',
  SOURCE_CHANGED: 'the source is no longer the one that was read',
  /** Read again, a range has other records, or ends elsewhere. */
  RANGE_DIFFERS: 'a range reads otherwise',
  OUTPUT_MISSING: 'an output is missing',
  /** Other bytes, another checksum or another count of records. */
  OUTPUT_DIFFERS: 'an output is not the one that was published',
  OUTPUT_UNKNOWN: 'an object that no certificate names lies among the outputs',
  REJECTS_DIFFER: 'the rejected records that were kept are not as many as were counted',
} as const
export type FaultCode = keyof typeof faultCodes

export interface Fault {
  code: FaultCode
  /** A key, a partition, a total. */
  where: string
  words: string
}

export type OnFault = (code: FaultCode, where: string, words: string) => void
