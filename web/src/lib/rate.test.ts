import { expect, it } from 'vitest'
import { Rate } from './rate'

it('promises nothing before ten seconds of data', () => {
  const rate = new Rate()
  rate.add(0, 0)
  rate.add(9_000, 900)
  expect(rate.left(2000)).toBeUndefined()
  rate.add(10_000, 1000)
  expect(rate.perSecond()).toBe(100)
  expect(rate.left(2000)).toBe(10_000)
})

it('forgets what was before the last half minute', () => {
  const rate = new Rate()
  for (let s = 0; s <= 60; s++) rate.add(s * 1000, s <= 30 ? s : 30 + (s - 30) * 100)
  expect(rate.perSecond()).toBeGreaterThan(90)
})

it('begins anew when the count falls: another attempt has begun', () => {
  const rate = new Rate()
  rate.add(0, 0)
  rate.add(20_000, 1000)
  rate.add(21_000, 0)
  expect(rate.perSecond()).toBeUndefined()
})

it('makes no promise about what stands still', () => {
  const rate = new Rate()
  rate.add(0, 5)
  rate.add(20_000, 5)
  expect(rate.left(10)).toBeUndefined()
})
