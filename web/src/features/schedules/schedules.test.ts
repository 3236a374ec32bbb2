import { describe, expect, it } from 'vitest'
import { problemFrom } from '@/api/errors'
import type { Schedule } from '@/api/model'
import { rereadIn } from '@/api/queries/schedules'
import { changesOf, choiceOf, draftOf, faultsOf, missing, newDraft, readEvery } from './draft'
import { lost, runWords, terms, whenInWords } from './words'

const schedule: Schedule = {
  id: 'sch_1',
  snapshot_id: 'snp_1',
  every: '6h',
  time_zone: 'Europe/Berlin',
  overlap: 'skip',
  mode: 'full',
  tables: [],
  paused: false,
  next_runs: [],
  runs: [],
  created_by: 'usr_1',
  created_at: '2026-11-01T00:00:00Z',
  updated_at: '2026-11-01T00:00:00Z',
  version: 3,
}
const daily: Schedule = { ...schedule, cron: '30 6 * * 1-5' }
delete daily.every

describe('an interval', () => {
  it.each([
    ['90m', { amount: '90', unit: 'm' }],
    ['1h30m', { amount: '90', unit: 'm' }],
    ['1d12h', { amount: '36', unit: 'h' }],
    ['366d', { amount: '366', unit: 'd' }],
    ['1m1s', { amount: '61', unit: 's' }],
  ])('of %s is said in one unit', (every, said) => expect(readEvery(every)).toEqual(said))

  it.each([
    ['1h', 'Every hour'],
    ['6h', 'Every 6 hours'],
    ['1d', 'Every day'],
    ['1h30m', 'Every 90 minutes'],
  ])('of %s is told in words', (every, words) => expect(whenInWords({ every })).toBe(words))
})

it('tells a cron text in words, or as it is', () => {
  expect(whenInWords(daily)).toBe('At 06:30, Monday to Friday')
  expect(whenInWords({ cron: '*/7 * * * *' })).toBe('At */7 * * * *')
})

describe('what is sent', () => {
  it('is the schedule itself when nothing was changed', () => {
    for (const one of [schedule, daily, { ...daily, cron: '0 6 1 * *' }, { ...schedule, every: '1d12h' }]) {
      const before = choiceOf(draftOf(one))
      expect(changesOf(before, choiceOf(draftOf(one)))).toEqual({})
    }
  })

  it('is what was changed, and nothing that somebody else may have', () => {
    const before = choiceOf(draftOf(schedule))
    expect(changesOf(before, choiceOf({ ...draftOf(schedule), note: ' holidays ' }))).toEqual({
      note: 'holidays',
    })
    expect(changesOf(before, choiceOf({ ...draftOf(schedule), when: 'cron', cron: '@daily' }))).toEqual({
      cron: '@daily',
    })
  })

  it('never names no table where some were meant: that would be all', () => {
    const draft = { ...newDraft('UTC'), some: true }
    expect(missing(draft).tables).toBeDefined()
    expect(missing({ ...draft, tables: ['tbl_1'] }).tables).toBeUndefined()
    expect(missing({ ...draft, some: false }).tables).toBeUndefined()
    expect(choiceOf({ ...draft, some: false, tables: ['tbl_1'] }).tables).toEqual([])
  })

  it('never names no day of the week: that is no cron text', () => {
    expect(missing({ ...newDraft('UTC'), when: 'weekly', weekdays: [] }).weekdays).toBeDefined()
  })
})

it('shows what the server said at its field, with what to do', () => {
  const error = problemFrom(
    422,
    {
      code: 'schedule.unknown_time_zone',
      detail: 'There is no time zone "Mars".',
      hint: 'Name one as Europe/Berlin.',
      errors: [{ field: 'body.time_zone', detail: 'unknown' }],
    },
    null,
  )
  expect(faultsOf(error)).toEqual({ time_zone: 'There is no time zone "Mars". Name one as Europe/Berlin.' })
})

describe('a run', () => {
  it('that is its job says nothing the job does not', () => {
    expect(runWords({ outcome: 'ended' })).toBeUndefined()
    expect(runWords({ outcome: 'started' })).toBeUndefined()
  })

  it('that came to nothing says why', () => {
    expect(runWords({ outcome: 'skipped' })?.slice(2)).toEqual(['left out', 'A download was under way.'])
    const problem = { code: 'x.y', kind: 'conflict', detail: 'No table is left.' }
    expect(runWords({ outcome: 'failed', problem })?.[3]).toBe('No table is left.')
  })
})

it('says what it brings, and how often it came to nothing', () => {
  const words = terms({ ...schedule, tables: ['tbl_1'], mode: 'incremental' }, id => `table ${id}`)
  expect(words.slice(0, 2)).toEqual(['table tbl_1', 'only what changed'])
  expect(terms({ ...daily, time_zone: 'America/New_York' }, String)[0]).toBe('America/New York time')
  expect(lost({ left_out: 1, missed: 12 })).toEqual([
    '1 time left out because the run before had not ended.',
    '12 times missed because the engine was away too long.',
  ])
  expect(lost({})).toEqual([])
})

describe('the list is read again', () => {
  const now = Date.parse('2026-11-25T12:00:00Z')
  const next = (at: string): Schedule => ({ ...schedule, next_runs: [at] })

  it('right after the next time of any of them', () => {
    expect(rereadIn([next('2026-11-25T13:00:00Z'), next('2026-11-25T12:00:10Z')], now)).toBe(11_500)
    expect(rereadIn([next('2026-11-25T11:59:00Z')], now)).toBe(1000)
    expect(rereadIn([next('2027-11-25T12:00:00Z')], now)).toBe(86_400_000)
  })

  it('soon while something moves, and never while nothing can', () => {
    expect(rereadIn([{ ...schedule, pending: true }], now)).toBe(3000)
    expect(rereadIn([{ ...schedule, engine_away: true }], now)).toBe(3000)
    expect(rereadIn([{ ...schedule, runs: [{ at: '', outcome: 'started' }] }], now)).toBe(3000)
    expect(rereadIn([schedule], now)).toBe(false)
  })
})
