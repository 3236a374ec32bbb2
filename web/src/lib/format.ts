/** Numbers, sizes and times as people read them. */

const whole = new Intl.NumberFormat('en')
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

export function count(n: number): string {
  return whole.format(n)
}

/** 8.1K rather than 8,123, where room is short. */
export function short(n: number): string {
  return n < 10_000 ? whole.format(n) : compact.format(n)
}

/** "1 record", "2,000 records". */
export function many(n: number, one: string, more = `${one}s`): string {
  return `${whole.format(n)} ${n === 1 ? one : more}`
}

export function bytes(n: number): string {
  const units = ['B', 'KB', 'MB', 'GB']
  let value = n
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** "0:07", "1:42", "2:03:09". */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  const pad = (n: number) => String(n).padStart(2, '0')
  const h = Math.floor(seconds / 3600)
  const m = Math.floor((seconds % 3600) / 60)
  return h > 0 ? `${h}:${pad(m)}:${pad(seconds % 60)}` : `${m}:${pad(seconds % 60)}`
}

const steps: readonly (readonly [limit: number, unit: Intl.RelativeTimeFormatUnit, milliseconds: number])[] =
  [
    [60_000, 'second', 1000],
    [3_600_000, 'minute', 60_000],
    [86_400_000, 'hour', 3_600_000],
    [30 * 86_400_000, 'day', 86_400_000],
    [365 * 86_400_000, 'month', 30 * 86_400_000],
    [Number.POSITIVE_INFINITY, 'year', 365 * 86_400_000],
  ]
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })

/** "3 minutes ago"; within ten seconds "just now". */
export function ago(at: number, now: number): string {
  const passed = at - now
  if (Math.abs(passed) < 10_000) return 'just now'
  const [, unit, size] = steps.find(([limit]) => Math.abs(passed) < limit) ?? ['', 'second', 1000]
  return relative.format(Math.round(passed / size), unit as Intl.RelativeTimeFormatUnit)
}
