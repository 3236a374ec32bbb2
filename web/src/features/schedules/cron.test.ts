import { describe, expect, it } from 'vitest'
import { cronInWords, fromCron, toCron } from './cron'

describe('a cron text in words', () => {
  it.each([
    ['30 6 * * 1-5', 'At 06:30, Monday to Friday'],
    ['30 6 * * mon-FRI', 'At 06:30, Monday to Friday'],
    ['0 0 * * *', 'At 00:00 every day'],
    ['@daily', 'At 00:00 every day'],
    ['@weekly', 'At 00:00 on Sundays'],
    ['@monthly', 'At 00:00 on the 1st'],
    ['@yearly', 'At 00:00 on the 1st in January'],
    ['@hourly', 'Every hour, on the hour'],
    ['5 * * * *', 'Every hour, at 5 past'],
    ['5,35 * * * *', 'Every 30 minutes'],
    ['5,20 * * * *', 'Every hour, at 5 and 20 past'],
    ['* * * * *', 'Every minute'],
    ['*/15 * * * *', 'Every 15 minutes'],
    ['7/15 * * * *', 'Every 15 minutes'],
    ['*/7 * * * *', undefined],
    ['0 */6 * * *', 'At 00:00, 06:00, 12:00 and 18:00 every day'],
    ['0 */2 * * *', 'Every 2 hours from 00:00'],
    ['15 1/2 * * 0,6', 'Every 2 hours from 01:15, on Saturday and Sunday'],
    [
      '*/15 8-18 * jan,JUL mon-FRI',
      'Every 15 minutes from 08:00 to 18:45, Monday to Friday in January and July',
    ],
    ['0 9-17 * * 1', 'Every hour from 09:00 to 17:00, on Mondays'],
    ['* 9 * * *', 'Every minute from 09:00 to 09:59'],
    ['0 6,18 * * *', 'At 06:00 and 18:00 every day'],
    [
      '0 6 1,2,3,11,12,13,21,22,23 * *',
      'At 06:00 on the 1st to the 3rd, 11th to the 13th and 21st to the 23rd',
    ],
    ['0 0 29 2 *', 'At 00:00 on the 29th in February'],
    ['0 6 * 6-8 *', 'At 06:00 in June to August'],
    // Either kind of day counts, as in every cron.
    ['0 6 13 * 5', 'At 06:00 on the 13th, and on Fridays'],
  ])('%s', (text, words) => expect(cronInWords(text)).toBe(words))

  it.each([
    '',
    'every day',
    '30 6 * *',
    '0 30 6 * * 1',
    '60 6 * * *',
    '0 18-8 * * *',
    '*/0 * * * *',
    ', * * * *',
    '0 6 * * 7',
    '@reboot',
    'CRON_TZ=UTC 0 6 * * *',
  ])('says nothing of %j, which is none', text => expect(cronInWords(text)).toBeUndefined())
})

describe('a time on days of the week', () => {
  it.each([
    ['30 6 * * 1-5', { time: '06:30', weekdays: [1, 2, 3, 4, 5] }],
    ['0 18 * * *', { time: '18:00', weekdays: [0, 1, 2, 3, 4, 5, 6] }],
    ['5 0 * * sun', { time: '00:05', weekdays: [0] }],
  ])('reads %s and writes what means the same', (text, weekly) => {
    expect(fromCron(text)).toEqual(weekly)
    expect(fromCron(toCron(weekly))).toEqual(weekly)
  })

  it.each(['0 6,18 * * *', '*/5 6 * * *', '0 6 1 * *', '0 6 * 1 *', '0 6 1 * 1', 'nonsense'])(
    'is not what %s says',
    text => expect(fromCron(text)).toBeUndefined(),
  )
})
