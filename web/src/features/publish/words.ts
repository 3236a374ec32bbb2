import type { Plan, PlanCounts } from '@/api/model'
import type { ItemFilter } from '@/api/queries/plans'
import type { Tone } from '@/ui/StatusChip'

/** "12 new, 21 changed, 4 deleted". */
export function summary(c: PlanCounts): string {
  const parts: [number, string][] = [
    [c.creates, 'new'],
    [c.updates, 'changed'],
    [c.deletes, 'deleted'],
  ]
  const said = parts.filter(([n]) => n > 0).map(([n, word]) => `${n.toLocaleString('en')} ${word}`)
  return said.length > 0 ? said.join(', ') : 'no changes'
}

/** How many would be sent now. */
export function toSend(c: PlanCounts): number {
  return Math.max(0, c.planned - c.blocked)
}

const chips: Record<Plan['state'], { tone: Tone; word: string }> = {
  building: { tone: 'busy', word: 'being made' },
  ready: { tone: 'busy', word: 'to be reviewed' },
  applying: { tone: 'busy', word: 'being published' },
  applied: { tone: 'good', word: 'published' },
  stopped: { tone: 'warn', word: 'stopped early' },
  superseded: { tone: 'calm', word: 'replaced' },
}

export function planChip(plan: Plan): { tone: Tone; word: string } {
  const left = plan.counts.failed + plan.counts.conflicts + plan.counts.unknown
  if (plan.state === 'applied' && left > 0) return { tone: 'warn', word: 'published in part' }
  return chips[plan.state]
}

interface Choice {
  value: string
  label: string
  filter: ItemFilter
}

/** The filters that would show something; one of them shows all. */
export function filtersFor(c: PlanCounts): Choice[] {
  const total = c.creates + c.updates + c.deletes
  const choices: [number, Choice][] = [
    [total, { value: 'all', label: 'All', filter: {} }],
    [c.creates, { value: 'create', label: 'New', filter: { op: 'create' } }],
    [c.updates, { value: 'update', label: 'Changed', filter: { op: 'update' } }],
    [c.deletes, { value: 'delete', label: 'Deleted', filter: { op: 'delete' } }],
    [c.failed, { value: 'failed', label: 'Failed', filter: { state: 'failed' } }],
    [c.conflicts, { value: 'conflict', label: 'Conflicts', filter: { state: 'conflict' } }],
    [c.unknown, { value: 'unknown', label: 'Unknown', filter: { state: 'unknown' } }],
    [c.skipped, { value: 'skipped', label: 'Not sent', filter: { state: 'skipped' } }],
  ]
  const worth = choices.filter(
    ([n, { value }]) => n > 0 && (value === 'all' || n < total || value === 'failed'),
  )
  return worth.map(([n, choice]) => ({ ...choice, label: `${choice.label} ${n.toLocaleString('en')}` }))
}
