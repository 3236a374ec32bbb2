import { describe, expect, it } from 'vitest'
import type { Job, JobState, Progress } from '@/api/model'
import { isFinal } from '@/api/model'
import { barLook, commandsFor, howFar, outcome, runPage } from './words'

const zero: Progress = {
  total: -1,
  done: 0,
  created: 0,
  updated: 0,
  deleted: 0,
  unchanged: 0,
  failed: 0,
  conflicts: 0,
  unknown: 0,
  skipped: 0,
}
const states: JobState[] = [
  'queued',
  'running',
  'waiting',
  'paused',
  'cancelling',
  'stalled',
  'completed',
  'completed_with_failures',
  'failed',
  'cancelled',
  'terminated',
  'timed_out',
  'lost',
]
const job = (state: JobState, kind: Job['kind'] = 'download') => ({ state, kind }) as Job

describe('a job', () => {
  it('is starting, not at zero, before its first count', () => {
    expect(howFar(zero, 'running')).toBe('starting…')
    expect(howFar({ ...zero, done: 200 }, 'running')).toBe('200 records')
    expect(howFar({ ...zero, done: 200, total: 5000 }, 'running')).toBe('200 of 5,000 records')
    expect(howFar({ ...zero, total: 0 }, 'completed')).toBe('0 records')
  })

  it('says only what happened', () => {
    expect(outcome({ ...zero, created: 1200, failed: 2 })).toBe('1,200 new, 2 failed')
    expect(outcome(zero)).toBe('')
  })

  it('can be cancelled in every state that has not ended, but not twice', () => {
    for (const state of states) {
      expect(commandsFor(job(state)).cancel).toBe(!isFinal(state) && state !== 'cancelling')
    }
  })

  it('offers no command to what has ended but to do it again', () => {
    for (const state of states.filter(isFinal)) {
      const { cancel, pause, resume, retry } = commandsFor(job(state))
      expect([cancel, pause, resume]).toEqual([false, false, false])
      expect(retry).toBe(state !== 'completed')
    }
  })

  it('never looks as if it ran when it does not', () => {
    for (const state of states.filter(isFinal)) expect(barLook(state)).not.toBe('running')
    expect(barLook('paused')).toBe('stopped')
  })
})

describe('its run in Temporal', () => {
  const run = { workflow_id: 'download-snapshot:snp_1', run_id: 'r-1' }

  it('is a page below the namespace, whatever its name holds', () => {
    expect(runPage('http://ui/namespaces/n', run)).toBe(
      'http://ui/namespaces/n/workflows/download-snapshot%3Asnp_1/r-1',
    )
  })

  it('is no link where it cannot be found', () => {
    expect(runPage(undefined, run)).toBeUndefined()
    expect(runPage('http://ui/namespaces/n', { workflow_id: run.workflow_id })).toBeUndefined()
  })
})
