/** Moments as a clock on the wall shows them. */

const formats = new Map<string, Intl.DateTimeFormat>()

function format(zone: string | undefined, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${zone} ${Object.keys(options).join()}`
  const known = formats.get(key)
  if (known) return known
  const made = new Intl.DateTimeFormat('en-GB', { ...options, ...(zone && { timeZone: zone }) })
  formats.set(key, made)
  return made
}

const day = { weekday: 'short', day: 'numeric', month: 'short' } as const
const clock = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const

/** The zone of this browser, by its IANA name. */
export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC'
}

/** "Thu, 26 Nov, 06:30 CET": here, or in the zone. Another year than now's is told. */
export function moment(at: number, now: number, zone?: string): string {
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear()
  return format(zone, {
    ...day,
    ...(!sameYear && { year: 'numeric' }),
    ...clock,
    timeZoneName: 'short',
  }).format(at)
}

/** The same moment on the clocks of another zone, or undefined where they show the same. */
export function elsewhere(at: number, zone: string, here = ownZone()): string | undefined {
  const show = (where: string) => format(where, { ...day, ...clock }).format(at)
  try {
    return show(zone) === show(here) ? undefined : `${show(zone)} in ${zone.replaceAll('_', ' ')}`
  } catch {
    return undefined // a zone that this browser does not know
  }
}

/** The zones one may choose from; those given are among them. */
export function zones(...also: string[]): string[] {
  return [...new Set([...also, 'UTC', ...Intl.supportedValuesOf('timeZone')])]
}
