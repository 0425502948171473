/** The bugs that are planted: each one a slip that a careful person could make, and that a review could miss. */

export interface Mutant {
  name: string
  file: string
  /** Stands in the file exactly once. */
  from: string
  to: string
  /** Stories within which it is caught; default: the 2,000 that every `npm test` plays. */
  seedsMax?: number
}

export const mutants: readonly Mutant[] = [
  {
    name: 'a finish does not compare its fence',
    file: 'worker/claim.ts',
    from: '{ state: { is: PartitionState.RUNNING }, fence: { is: fence } },',
    to: '{ state: { is: PartitionState.RUNNING } },',
  },
  {
    name: 'a finish does not look at the state',
    file: 'worker/claim.ts',
    from: '{ state: { is: PartitionState.RUNNING }, fence: { is: fence } },',
    to: '{ fence: { is: fence } },',
  },
  {
    name: 'a claim does not raise the fence',
    file: 'worker/claim.ts',
    from: 'const fence = (before?.fence ?? 0) + 1',
    to: 'const fence = before?.fence ?? 1',
  },
  {
    name: 'a partition that SUCCEEDED can be claimed',
    file: 'shared/lifecycle.ts',
    from: '[P.SUCCEEDED]: { claimed: undefined,',
    to: '[P.SUCCEEDED]: { claimed: P.RUNNING,',
  },
  {
    name: 'a partition that FAILED cannot be claimed',
    file: 'shared/lifecycle.ts',
    from: '[P.FAILED]: { claimed: P.RUNNING,',
    to: '[P.FAILED]: { claimed: undefined,',
  },
  {
    name: 'a late loss is written whatever stands there',
    file: 'functions/steps/losses.ts',
    from: 'change, lossGuard(round, jobId))',
    to: 'change)',
  },
  {
    name: 'a loss of an old round fails the new one (<= for <)',
    file: 'functions/steps/losses.ts',
    from: 'round: { atMost: round - 1 }',
    to: 'round: { atMost: round }',
  },
  {
    name: 'a submit that died is never taken over',
    file: 'functions/submit.ts',
    from: '{ state: { is: RoundState.SUBMITTING }, claimedAt: { atMost: now - submitLeaseMs } },',
    to: '',
  },
  {
    name: 'a round that has jobs does not move its run to RUNNING',
    file: 'functions/submit.ts',
    from: "await moveRun(world, run, 'submitted')",
    to: '',
  },
  {
    name: 'a round ends with the first of its jobs',
    file: 'functions/steps/rounds.ts',
    from: 'chunks.some(end => end === undefined)',
    to: 'chunks.every(end => end === undefined)',
  },
  {
    name: 'the end of a child is taken for the end of its array',
    file: 'functions/track.ts',
    from: 'if (end.index === undefined && counts) await endChunk',
    to: 'if (counts) await endChunk',
  },
  {
    name: 'the run moves on before its round is written',
    file: 'functions/settle.ts',
    from: 'const { pages, chunks } = plannedRound(round, verdict.assignments, job)\n',
    to: "const { pages, chunks } = plannedRound(round, verdict.assignments, job)\n  if (resplits.length === 0) await moveRun(world, run, 'waited', { round, stage: stageOf(run) })\n",
  },
  {
    name: 'the run SUCCEEDED before its certificate is written',
    file: 'functions/settle.ts',
    from: 'await writeOnce(world.objects, { bucket, key }, certificate)\n',
    to: "await moveRun(world, facts.run, 'published', { certificate: key })\n  await writeOnce(world.objects, { bucket, key }, certificate)\n",
  },
  {
    name: 'outputs that no certificate names are left where they are',
    file: 'functions/settle.ts',
    from: 'await sweepOutputs(world, facts.document, certificate)\n',
    to: '',
  },
  {
    name: 'the sweep takes outputs that a certificate names',
    file: 'functions/steps/sweep.ts',
    from: 'objects.filter(({ key }) => !stays(key))',
    to: 'objects.filter(({ key }) => !stays(key) || key.includes("part-00000001"))',
  },
  {
    name: 'ranges that do not tile are published',
    file: 'shared/settlement.ts',
    from: 'if (wrong.length > 0) return again(facts, { miscut: wrong })',
    to: '',
  },
  {
    name: 'what attempts left unread is given to nobody',
    file: 'shared/resplit.ts',
    from: 'rest === undefined || rest.at >= end) return []',
    to: 'rest === undefined || rest.at <= end) return []',
  },
  {
    name: 'a partition that was cut keeps what it gave away',
    file: 'shared/resplit.ts',
    from: 'assignment: { ...step.assignment, end: resplit.at }',
    to: 'assignment: step.assignment',
  },
  {
    name: 'new partitions are certified in the order of their numbers',
    file: 'shared/partition-plan.ts',
    from: '.toSorted((a, b) => this.placeOf(a.partition) - this.placeOf(b.partition))',
    to: '.toSorted((a, b) => a.partition - b.partition)',
  },
  {
    name: 'a partition may fail once more than the pipeline says (> for >=)',
    file: 'shared/ladder.ts',
    from: 'countedFailures(partition, run).length >= document.pipeline.retry.attempts',
    to: 'countedFailures(partition, run).length > document.pipeline.retry.attempts',
  },
  {
    name: 'a Spot reclaim costs an attempt',
    file: 'shared/failure.ts',
    from: 'SPOT_RECLAIMED: {\n    costsAttempt: false,',
    to: 'SPOT_RECLAIMED: {\n    costsAttempt: true,',
  },
  {
    name: 'a run is told of although it was told of',
    file: 'functions/notify.ts',
    from: '|| run.told === toldMark(run)',
    to: '',
  },
  {
    name: 'two may speak at a time',
    file: 'functions/notify.ts',
    from: '{ ...still, tellingAt: { absent: true } },',
    to: 'still,',
  },
  {
    name: 'a failed run leaves the open ones untold',
    file: 'functions/notify.ts',
    from: 'const claimed = worthIt ? await claim(world, run) : run',
    to: "const claimed = worthIt && occasion !== 'FAILED' ? await claim(world, run) : run",
  },
  {
    name: 'reconcile does not open a round that ended',
    file: 'functions/reconcile.ts',
    from: 'if (record.state === RoundState.ENDED) {',
    to: 'if (record.state === RoundState.ENDED && record.round < 0) {',
  },
  {
    name: 'reconcile does not look at the jobs of a round',
    file: 'functions/reconcile.ts',
    from: 'if (record.state === RoundState.RUNNING) await lookAtJobs(world, run, record, gauges)',
    to: '',
  },
  {
    name: 'reconcile does not say again that a round is due',
    file: 'functions/reconcile.ts',
    from: 'await publishRoundDue(world, run)',
    to: '',
  },
  {
    name: 'a worker whose last word is in doubt removes its outputs',
    file: 'worker/work.ts',
    from: "if (finished === 'fenced off') await removeOutputs(life, outputs)",
    to: "if (finished !== 'written') await removeOutputs(life, outputs)",
  },
  {
    name: 'a worker that is fenced off says it failed',
    file: 'worker/claim.ts',
    from: "return ours ? 'written' : 'fenced off'",
    to: "return 'written'",
  },
  {
    name: 'a run that is being stopped submits its next round',
    file: 'functions/submit.ts',
    from: 'else if (run.stopping) await leaveOut(world, run, claimed)',
    to: '',
  },
  {
    name: 'what stops a run is not what ends it',
    file: 'shared/settlement.ts',
    from: 'if (stopping)',
    to: 'if (stopping && stopping.code.length > 100)',
  },
  {
    name: 'a group that is closed takes another member',
    file: 'functions/steps/groups.ts',
    from: 'const guard = [{ state: { is: GroupState.OPEN }, ...room }]',
    to: 'const guard = [room]',
  },
]
