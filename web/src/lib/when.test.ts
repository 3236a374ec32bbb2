import { expect, it } from 'vitest'
import { elsewhere, moment, zones } from './when'

// Whether a comma stands behind the weekday is the language data's business.
const at = Date.parse('2026-11-26T05:30:00Z')

it('tells a moment with its zone, and the year where it is another', () => {
  expect(moment(at, at, 'Europe/Berlin')).toMatch(/^Thu,? 26 Nov,? 06:30 CET$/)
  expect(moment(at, Date.parse('2025-06-01T00:00:00Z'), 'UTC')).toMatch(/^Thu,? 26 Nov 2026,? 05:30 UTC$/)
})

it('tells what another zone has on its clocks, where they differ', () => {
  expect(elsewhere(at, 'America/New_York', 'Europe/Berlin')).toMatch(
    /^Thu,? 26 Nov,? 00:30 in America\/New York$/,
  )
  expect(elsewhere(at, 'Europe/Paris', 'Europe/Berlin')).toBeUndefined()
  expect(elsewhere(at, 'Mars/Olympus', 'Europe/Berlin')).toBeUndefined()
})

it('offers each zone once', () => {
  const all = zones('Europe/Berlin', 'UTC')
  expect(all.slice(0, 2)).toEqual(['Europe/Berlin', 'UTC'])
  expect(new Set(all).size).toBe(all.length)
})
