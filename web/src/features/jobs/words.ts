import type { Job, JobState, Progress } from '@/api/model'
import { isFinal } from '@/api/model'
import { duration, many } from '@/lib/format'

const kinds: Record<Job['kind'], string> = { download: 'Download', publish: 'Publish' }

export function jobTitle(job: Pick<Job, 'kind'>): string {
  return kinds[job.kind]
}

export function barLook(state: JobState): 'running' | 'done' | 'stopped' {
  if (state === 'completed' || state === 'completed_with_failures') return 'done'
  return isFinal(state) || state === 'paused' ? 'stopped' : 'running'
}

/** What came of it so far, in words; the counts that are zero say nothing. */
export function outcome(p: Progress): string {
  const parts: [number, string][] = [
    [p.created, 'new'],
    [p.updated, 'changed'],
    [p.deleted, 'deleted'],
    [p.unchanged, 'unchanged'],
    [p.skipped, 'skipped'],
    [p.conflicts, 'in conflict'],
    [p.failed, 'failed'],
    [p.unknown, 'unknown'],
  ]
  return parts
    .filter(([n]) => n > 0)
    .map(([n, word]) => `${n.toLocaleString('en')} ${word}`)
    .join(', ')
}

/** How far it is. Before the first count it is starting, not at zero. */
export function howFar(p: Progress, state: JobState): string {
  const { done, total } = p
  if (isFinal(state)) return many(done, 'record')
  if (done === 0 && total <= 0) return state === 'running' ? 'starting…' : ''
  if (total < 0) return many(done, 'record')
  return `${done.toLocaleString('en')} of ${many(total, 'record')}`
}

/** Why it is not simply at work, in a line; undefined while it is. */
export function inTheWay(job: Job): string | undefined {
  if (job.engine_away) return 'The workflow engine cannot be reached; this is what was last known.'
  if (isFinal(job.state)) return job.problem?.detail
  if (job.waiting_why) return job.state === 'waiting' ? `Waiting: ${job.waiting_why}` : job.waiting_why
  return undefined
}

/** "in 1:42", and of what took less than a second no "0:00". */
export function inTime(milliseconds: number): string {
  return milliseconds < 1000 ? 'in under a second' : `in ${duration(milliseconds)}`
}

/** The commands that make sense in a state. */
export function commandsFor(job: Job): { cancel: boolean; pause: boolean; resume: boolean; retry: boolean } {
  const { state } = job
  const ended = isFinal(state)
  return {
    cancel: !ended && state !== 'cancelling',
    pause: state === 'running' || state === 'queued' || state === 'waiting',
    resume: state === 'paused',
    retry: ended && state !== 'completed' && job.kind === 'download',
  }
}

/** The page of a job's run below the namespace's page in Temporal's Web UI; none where there is no such page, or no run yet. */
export function runPage(namespace: string | undefined, job: Pick<Job, 'workflow_id' | 'run_id'>) {
  if (!namespace || !job.run_id) return undefined
  return `${namespace}/workflows/${encodeURIComponent(job.workflow_id)}/${job.run_id}`
}
