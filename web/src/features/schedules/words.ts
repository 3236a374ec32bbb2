import type { Schedule, ScheduleRun } from '@/api/model'
import { many } from '@/lib/format'
import type { Tone } from '@/ui/StatusChip'
import { cronInWords } from './cron'
import { readEvery, units } from './draft'

/** "Every 6 hours", "At 06:30, Monday to Friday"; a cron text that has no short words, as it is. */
export function whenInWords({ cron, every }: Pick<Schedule, 'cron' | 'every'>): string {
  if (!every) return cronInWords(cron ?? '') ?? `At ${cron}`
  const { amount, unit } = readEvery(every)
  const one = units[unit].slice(0, -1)
  return amount === '1' ? `Every ${one}` : `Every ${many(Number(amount), one)}`
}

type Choice = readonly [label: string, description: string]

export const overlaps: Record<Schedule['overlap'], Choice> = {
  skip: ['Leave it out', 'The next time comes.'],
  buffer_one: ['Let it wait', 'It runs when the other has ended. Only one waits; further ones are left out.'],
  cancel_other: [
    'Begin anew',
    'This schedule’s earlier download is cancelled. One that a person started is waited for.',
  ],
  allow_all: [
    'Leave nothing out',
    'A download that brings the same tables counts for this one too; for any other it waits.',
  ],
}

export const modes: Record<Schedule['mode'], Choice> = {
  full: ['Everything', 'Every record is read, and what was deleted at the service is noticed.'],
  incremental: [
    'What changed',
    'Only what changed since the last download, where the service can tell. Deletions may wait for a full one.',
  ],
}

const overlapWords: Record<Schedule['overlap'], string> = {
  skip: 'left out while a download is under way',
  buffer_one: 'waits for a download under way',
  cancel_other: 'cancels its own earlier download',
  allow_all: 'shares or waits for a download under way',
}

/** On whose clocks it goes, what it brings, and what it does when another is in the way. */
export function terms(schedule: Schedule, nameOf: (table: string) => string): string[] {
  const { cron, time_zone, tables, mode, overlap } = schedule
  return [
    ...(cron ? [`${time_zone.replaceAll('_', ' ')} time`] : []),
    tables.length === 0 ? 'All tables' : tables.map(nameOf).join(', '),
    mode === 'full' ? 'every record' : 'only what changed',
    overlapWords[overlap],
  ]
}

/** How many of its times came to nothing. */
export function lost({ left_out = 0, missed = 0 }: Pick<Schedule, 'left_out' | 'missed'>): string[] {
  return [
    ...(left_out > 0 ? [`${many(left_out, 'time')} left out because the run before had not ended.`] : []),
    ...(missed > 0 ? [`${many(missed, 'time')} missed because the engine was away too long.`] : []),
  ]
}

/** What came of a time, where its job's own state does not say it. */
export function runWords(
  run: Pick<ScheduleRun, 'outcome' | 'problem'>,
): readonly [tone: Tone, sign: string, word: string, more: string] | undefined {
  switch (run.outcome) {
    case 'queued':
      return ['calm', '…', 'queued', 'A worker takes it up soon.']
    case 'waiting':
      return ['warn', '◷', 'waiting', 'For the download under way to end.']
    case 'shared':
      return ['good', '✓', 'shared', 'A download under way brought the same.']
    case 'skipped':
      return ['calm', '−', 'left out', 'A download was under way.']
    case 'failed':
      return ['bad', '✕', 'not started', run.problem?.detail ?? 'No download was started.']
    default:
      return undefined
  }
}
