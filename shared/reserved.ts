/** Prefixes of the stage's drops bucket that no pipeline may take. Nothing is reserved in users' buckets. Pure. */

/** Keys below it are manifests, each for the pipeline whose name follows. */
export const manifestsPrefix = '_manifests/'
/** Of the sources of runs that are groups of small objects; no object has such a key. */
export const groupsPrefix = '_groups/'
/** Of the sources of runs that are ticks of a schedule; no object has such a key. */
export const ticksPrefix = '_ticks/'

export const reservedPrefixes = [manifestsPrefix, groupsPrefix, ticksPrefix]
