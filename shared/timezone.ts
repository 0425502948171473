/** The clocks of a time zone, as Intl knows them. Pure. */

export const dayMs = 24 * 60 * 60 * 1000

/** How far the clocks of the zone are ahead of UTC at an instant, in ms. */
export type Zone = (instant: number) => number

/** Of an IANA name. Errors: RangeError where there is none of that name. */
export function zoneOf(timezone: string): Zone {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  return instant => {
    const parts = new Map(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]))
    const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0
    const wall = Date.UTC(
      part('year'),
      part('month') - 1,
      part('day'),
      part('hour'),
      part('minute'),
      part('second'),
    )
    return wall - Math.floor(instant / 1000) * 1000
  }
}

/**
 * When clocks show `wall` (epoch ms as if it were UTC): the first time where they do so twice; where they leap over it,
 * as much later as they leap.
 */
export function instantOf(wall: number, zone: Zone): number {
  const [before, after] = [zone(wall - dayMs), zone(wall + dayMs)]
  const [early, late] = [wall - before, wall - after]
  return zone(early) !== before && zone(late) === after ? late : early
}

/** By its IANA name. */
export function isTimezone(name: string): boolean {
  try {
    return Number.isFinite(zoneOf(name)(0))
  } catch {
    return false
  }
}
