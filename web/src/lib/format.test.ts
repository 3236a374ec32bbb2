import { describe, expect, it } from 'vitest'
import { ago, bytes, count, duration, many, short } from './format'

describe('format', () => {
  it('counts', () => {
    expect(count(12480)).toBe('12,480')
    expect(short(9999)).toBe('9,999')
    expect(short(12480)).toBe('12.5K')
    expect(many(1, 'record')).toBe('1 record')
    expect(many(2000, 'record')).toBe('2,000 records')
    expect(many(0, 'entry', 'entries')).toBe('0 entries')
  })

  it('measures', () => {
    expect(bytes(999)).toBe('999 B')
    expect(bytes(1_500_000)).toBe('1.5 MB')
    expect(duration(-5)).toBe('0:00')
    expect(duration(102_900)).toBe('1:42')
    expect(duration(7_389_000)).toBe('2:03:09')
  })

  it.each([
    [0, 'just now'],
    [-9_999, 'just now'],
    [-45_000, '45 seconds ago'],
    [-3 * 60_000, '3 minutes ago'],
    [-26 * 3_600_000, 'yesterday'],
    [-400 * 86_400_000, 'last year'],
    [120_000, 'in 2 minutes'],
  ])('says when: %d ms', (passed, said) => expect(ago(passed, 0)).toBe(said))
})
