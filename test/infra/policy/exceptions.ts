/** What is granted and used by no story, or used and not granted: each by a pattern, with its reason. */

/** Of `role: action on resource`; `*` stands for any run of characters. */
export const unusedByDesign: Readonly<Record<string, string>> = {
  'SubmitRole: batch:SubmitJob on *:job-queue/millrace-dev-critical*':
    'no story is urgent; a run that is open keeps its queue when its pipeline moves to another',
  'SubmitRole: batch:SubmitJob on *:job-queue/millrace-dev-backfill*':
    'no story can wait; a run that is open keeps its queue when its pipeline moves to another',
  'SubmitRole: batch:SubmitJob on *:job-definition/millrace-dev_given':
    'the worker alone plays that story: nobody submits it',
  'SubmitRole: batch:SubmitJob on *:job-definition/*:*':
    'which form AWS authorises for a name without revision is written nowhere: both are allowed',
  'SubmitRole: s3:ListBucket on *statebucket':
    'no story loses a frozen document; where one is lost, "gone" must not look like "forbidden"',
  'TrackRole: s3:ListBucket on *statebucket':
    'no story loses a frozen document; where one is lost, "gone" must not look like "forbidden"',
}

export const outsideByDesign: Readonly<Record<string, string>> = {
  'PartitionRole: s3:GetObject* on arn:aws:s3:::archive/*':
    'the simulator lists objects of a bucket of its own, which no stack knows',
  'JobRoleListed: s3:GetObject* on arn:aws:s3:::archive/*':
    'the simulator lists objects of a bucket of its own, which no stack knows',
}
