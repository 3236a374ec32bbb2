import type { ItemState, JobState } from '@/api/model'
import css from './ui.module.css'

export type Tone = 'good' | 'warn' | 'bad' | 'calm' | 'busy'

/** A state in a word, with a sign that does not depend on colour. */
export function StatusChip({ tone, sign, children }: { tone: Tone; sign?: string; children: string }) {
  return (
    <span className={`${css.chip} ${css[tone]}`}>
      {sign && <span aria-hidden>{sign}</span>}
      <span>{children}</span>
    </span>
  )
}

const jobs: Record<JobState, readonly [tone: Tone, sign: string, word: string]> = {
  queued: ['calm', '…', 'queued'],
  running: ['busy', '▸', 'running'],
  waiting: ['warn', '◷', 'waiting'],
  paused: ['warn', '‖', 'paused'],
  cancelling: ['warn', '◌', 'cancelling…'],
  stalled: ['bad', '!', 'stalled'],
  completed: ['good', '✓', 'completed'],
  completed_with_failures: ['warn', '!', 'completed with failures'],
  failed: ['bad', '✕', 'failed'],
  cancelled: ['calm', '−', 'cancelled'],
  terminated: ['calm', '−', 'terminated'],
  timed_out: ['bad', '◷', 'timed out'],
  lost: ['bad', '?', 'lost'],
}

export function JobChip({ state }: { state: JobState }) {
  const [tone, sign, word] = jobs[state]
  return (
    <StatusChip tone={tone} sign={sign}>
      {word}
    </StatusChip>
  )
}

const items: Record<ItemState, readonly [tone: Tone, sign: string, word: string]> = {
  planned: ['calm', '…', 'planned'],
  sending: ['busy', '▸', 'sending'],
  applied: ['good', '✓', 'applied'],
  failed: ['bad', '✕', 'failed'],
  conflict: ['warn', '≠', 'conflict'],
  unknown: ['bad', '?', 'outcome unknown'],
  skipped: ['calm', '−', 'skipped'],
}

export function ItemChip({ state }: { state: ItemState }) {
  const [tone, sign, word] = items[state]
  return (
    <StatusChip tone={tone} sign={sign}>
      {word}
    </StatusChip>
  )
}
