/**
 * Cron texts in words, for who does not read them. The server decides what is a
 * cron text (models.Calendars); what is not told in words here is not wrong.
 */

interface Field {
  readonly values: readonly number[]
  /** It leaves the value open; where a day's fields both do not, either of them counts. */
  readonly any: boolean
}

const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
export const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

const named: Record<string, string> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
}

interface Times {
  readonly minutes: Field
  readonly hours: Field
  readonly days: Field
  readonly months: Field
  readonly weekdays: Field
}

function read(text: string): Times | undefined {
  const trimmed = text.trim()
  const parts = (named[trimmed] ?? trimmed).split(/\s+/)
  if (parts.length !== 5) return undefined
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = parts
  const fields = {
    minutes: readField(minute, 0, 59),
    hours: readField(hour, 0, 23),
    days: readField(day, 1, 31),
    months: readField(month, 1, 12, months),
    weekdays: readField(weekday, 0, 6, weekdays),
  }
  return Object.values(fields).includes(undefined) ? undefined : (fields as Times)
}

function readField(text: string, from: number, to: number, names?: string[]): Field | undefined {
  const values = new Set<number>()
  let any = false
  for (const part of text.split(',')) {
    const match = /^(?:([*?])|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/.exec(part)
    if (!match) return undefined
    const [, star, first, last, every] = match
    const step = Number(every ?? 1)
    const low = star ? from : value(first, from, to, names)
    const high = star || (!last && every) ? to : last ? value(last, from, to, names) : low
    if (low === undefined || high === undefined || low > high || step < 1) return undefined
    if (star && step === 1) any = true
    for (let n = low; n <= high; n += step) values.add(n)
  }
  return { values: [...values].sort((a, b) => a - b), any }
}

function value(text: string | undefined, from: number, to: number, names?: string[]): number | undefined {
  const at = names?.findIndex(name => name.slice(0, 3).toLowerCase() === text?.toLowerCase()) ?? -1
  if (at >= 0) return at + from
  if (!text || !/^\d+$/.test(text)) return undefined
  const n = Number(text)
  return n >= from && n <= to ? n : undefined
}

/** "At 06:30, Monday to Friday"; undefined for what is no cron text, or has no short way to say it. */
export function cronInWords(text: string): string | undefined {
  const times = read(text)
  if (!times) return undefined
  const clock = clockWords(times)
  if (!clock) return undefined
  const day = dayWords(times)
  const atTimes = clock.startsWith('at ')
  const month = times.months.any ? '' : ` in ${list(spans(times.months.values, n => months[n - 1] ?? ''))}`
  // "Every 15 minutes every day" says no more than "every 15 minutes".
  const every = atTimes && month === '' ? ' every day' : ''
  const said = `${clock}${day === '' ? every : day.startsWith('on ') && atTimes ? ` ${day}` : `, ${day}`}${month}`
  return said.charAt(0).toUpperCase() + said.slice(1)
}

function clockWords({ minutes, hours }: Times): string | undefined {
  const m = minutes.values
  const h = hours.values
  const [only] = m
  const repeated = m.length > 1 ? interval(m, 60) : undefined
  if (hours.any) {
    if (minutes.any) return 'every minute'
    if (repeated) return `every ${repeated} minutes`
    if (m.length === 1 && only !== undefined)
      return only === 0 ? 'every hour, on the hour' : `every hour, at ${only} past`
    return m.length <= 4 ? `every hour, at ${list(m.map(String))} past` : undefined
  }
  if (m.length * h.length <= 6) return `at ${list(h.flatMap(at => m.map(n => clock(at, n))))}`
  const step = interval(h, 24)
  if (step && m.length === 1 && only !== undefined)
    return `every ${step} hours from ${clock(h[0] ?? 0, only)}`
  const together = h.length > 1 && (h.at(-1) ?? 0) - (h[0] ?? 0) === h.length - 1
  if (!together && h.length > 1) return undefined
  const during = `from ${clock(h[0] ?? 0, only ?? 0)} to ${clock(h.at(-1) ?? 0, m.at(-1) ?? 0)}`
  if (minutes.any) return `every minute ${during}`
  if (repeated) return `every ${repeated} minutes ${during}`
  return m.length === 1 ? `every hour ${during}` : undefined
}

function dayWords({ days, weekdays: week }: Times): string {
  const onDays = `on the ${list(spans(days.values, ordinal, ' to the '))}`
  if (week.any) return days.any ? '' : onDays
  // A week begins with Monday here, so that a weekend is one.
  const [first = '', ...others] = spans(
    week.values.map(n => (n + 6) % 7).sort((a, b) => a - b),
    n => weekdays[(n + 1) % 7] ?? '',
  )
  const onWeekdays = week.values.length === 1 ? `on ${first}s` : list([first, ...others])
  if (!days.any) return `${onDays}, and ${onWeekdays}`
  return others.length > 0 ? `on ${onWeekdays}` : onWeekdays
}

/** The step of values that go on over the turn of the hour or day evenly. */
function interval(values: readonly number[], of: number): number | undefined {
  const [first = 0, second = 0] = values
  const step = second - first
  const even = values.every((n, i) => n === first + i * step)
  return step > 1 && even && first < step && values.length * step === of ? step : undefined
}

/** Three or more in a row as "Monday to Friday"; the others by themselves. */
function spans(values: readonly number[], name: (n: number) => string, to = ' to '): string[] {
  const out: string[] = []
  for (let i = 0; i < values.length; ) {
    let end = i
    while (values[end + 1] === (values[end] ?? 0) + 1) end++
    if (end - i >= 2) out.push(`${name(values[i] ?? 0)}${to}${name(values[end] ?? 0)}`)
    else out.push(...values.slice(i, end + 1).map(name))
    i = end + 1
  }
  return out
}

function list(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}

function ordinal(n: number): string {
  const tens = n % 100 >= 11 && n % 100 <= 13
  const end = tens ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')
  return `${n}${end}`
}

function clock(hour: number, minute: number): string {
  return `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`
}

/** One time of the day on some days of the week: what most people mean. */
export interface Weekly {
  readonly time: string
  readonly weekdays: readonly number[]
}

export function toCron({ time, weekdays: days }: Weekly): string {
  const [hour = '', minute = ''] = time.split(':')
  const on = days.length === 7 ? '*' : [...days].sort((a, b) => a - b).join(',')
  return `${Number(minute)} ${Number(hour)} * * ${on}`
}

/** undefined where the text says more than one time of the day, or names days of a month. */
export function fromCron(text: string): Weekly | undefined {
  const times = read(text)
  if (!times?.days.any || !times.months.any) return undefined
  const [minute, ...otherMinutes] = times.minutes.values
  const [hour, ...otherHours] = times.hours.values
  if (minute === undefined || hour === undefined || otherMinutes.length + otherHours.length > 0)
    return undefined
  return { time: clock(hour, minute), weekdays: times.weekdays.values }
}
