/** A schedule as its form holds it, and what of it goes to the server. */

import type { ApiError } from '@/api/errors'
import type { Schedule } from '@/api/model'
import type { ScheduleChoice } from '@/api/queries/schedules'
import { fromCron, toCron } from './cron'

export const units = { s: 'seconds', m: 'minutes', h: 'hours', d: 'days' } as const
export type Unit = keyof typeof units

export interface Draft {
  when: 'every' | 'weekly' | 'cron'
  amount: string
  unit: Unit
  time: string
  weekdays: number[]
  cron: string
  timeZone: string
  overlap: Schedule['overlap']
  mode: Schedule['mode']
  /** Only the tables that are named, and not all there are at the time. */
  some: boolean
  tables: string[]
  note: string
}

export function newDraft(timeZone: string): Draft {
  return {
    when: 'every',
    amount: '6',
    unit: 'h',
    time: '06:30',
    weekdays: [1, 2, 3, 4, 5],
    cron: '30 6 * * 1-5',
    timeZone,
    overlap: 'skip',
    mode: 'full',
    some: false,
    tables: [],
    note: '',
  }
}

export function draftOf(schedule: Schedule): Draft {
  const { cron, every, time_zone, overlap, mode, tables, note } = schedule
  const weekly = cron ? fromCron(cron) : undefined
  return {
    ...newDraft(time_zone),
    when: every ? 'every' : weekly ? 'weekly' : 'cron',
    ...(every && readEvery(every)),
    ...(weekly && { time: weekly.time, weekdays: [...weekly.weekdays] }),
    ...(cron && { cron }),
    overlap,
    mode,
    some: tables.length > 0,
    tables: [...tables],
    note: note ?? '',
  }
}

const seconds: Record<Unit, number> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** The server's "1d12h" in the largest unit that says it whole: 36 hours. */
export function readEvery(every: string): { amount: string; unit: Unit } {
  const total = [...every.matchAll(/(\d+)([smhd])/g)].reduce(
    (sum, [, n, unit]) => sum + Number(n) * seconds[unit as Unit],
    0,
  )
  const unit = (['d', 'h', 'm'] as const).find(u => total % seconds[u] === 0) ?? 's'
  return { amount: String(total / seconds[unit]), unit }
}

export function choiceOf(draft: Draft): ScheduleChoice {
  const { when, amount, unit, cron, timeZone, overlap, mode, some, tables, note } = draft
  return {
    ...(when === 'every' && { every: `${amount.trim()}${unit}` }),
    ...(when === 'weekly' && { cron: toCron(draft) }),
    ...(when === 'cron' && { cron: cron.trim() }),
    time_zone: timeZone,
    overlap,
    mode,
    tables: some ? [...tables].sort() : [],
    note: note.trim(),
  }
}

/** What the page has to refuse itself, since the server would take it for something else. */
export function missing(draft: Draft): Partial<Record<'tables' | 'weekdays', string>> {
  return {
    ...(draft.some && draft.tables.length === 0 && { tables: 'Choose one table at least.' }),
    ...(draft.when === 'weekly' && draft.weekdays.length === 0 && { weekdays: 'Choose one day at least.' }),
  }
}

/** The choices that differ. */
export function changesOf(from: ScheduleChoice, to: ScheduleChoice): Partial<ScheduleChoice> {
  const differ = Object.entries(to).filter(
    ([key, value]) => JSON.stringify(value) !== JSON.stringify(from[key as keyof ScheduleChoice]),
  )
  return Object.fromEntries(differ)
}

/** What the server said about its fields, each with what to do instead. */
export function faultsOf(error: ApiError): Record<string, string> {
  // How a cron text is written stands above its field already.
  const hint = error.hint && error.code !== 'schedule.bad_cron' ? ` ${error.hint}` : ''
  return Object.fromEntries(
    error.errors.map(({ field, detail }) => [
      field.split(/[./]/).at(-1) ?? field,
      // Where the field's own word is short, the problem's is a sentence.
      `${detail.endsWith('.') ? detail : error.detail}${hint}`,
    ]),
  )
}
