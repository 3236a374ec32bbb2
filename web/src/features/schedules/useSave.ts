import { useState } from 'react'
import { toApiError } from '@/api/errors'
import type { Schedule } from '@/api/model'
import {
  readSchedule,
  type ScheduleChoice,
  useChangeSchedule,
  useCreateSchedule,
} from '@/api/queries/schedules'
import { changesOf, choiceOf, draftOf } from './draft'

/** What was seen, and what somebody made of it meanwhile. */
export interface Collided {
  readonly seen: Schedule
  readonly theirs: Schedule
}

/**
 * Makes a schedule, or changes what differs from the one that was seen. Where
 * somebody else changed it meanwhile, both are kept until the person has chosen.
 */
export function useSave(snapshotId: string, schedule: Schedule | undefined, done: () => void) {
  const create = useCreateSchedule(snapshotId)
  const change = useChangeSchedule(snapshotId)
  const [seen, setSeen] = useState(schedule)
  const [theirs, setTheirs] = useState<Schedule>()
  const [unread, setUnread] = useState<unknown>()

  const put = async (from: Schedule, over: Schedule, wanted: ScheduleChoice): Promise<void> => {
    const changes = changesOf(choiceOf(draftOf(from)), wanted)
    if (Object.keys(changes).length === 0) return done()
    try {
      await change.mutateAsync({ id: from.id, version: over.version, ...changes })
      done()
    } catch (error) {
      // The mutation holds its error, and the form shows it.
      if (toApiError(error).code !== 'schedule.changed') return
      const now = await readSchedule(from.id).catch((reason: unknown) => {
        setUnread(reason)
      })
      if (!now) return
      // Paused or resumed, and no more: nobody's choice would be written over.
      if (sameChoice(over, now)) return put(from, now, wanted)
      setTheirs(now)
    }
  }

  return {
    save: (wanted: ScheduleChoice) => {
      setUnread(undefined)
      if (seen) void put(seen, theirs ?? seen, wanted)
      else create.mutate(wanted, { onSuccess: done })
    },
    /** Goes on from another one. */
    begin: (from: Schedule) => {
      setSeen(from)
      setTheirs(undefined)
      change.reset()
    },
    collision: seen && theirs ? ({ seen, theirs } satisfies Collided) : undefined,
    error: unread ?? create.error ?? change.error,
    pending: create.isPending || change.isPending,
  }
}

function sameChoice(a: Schedule, b: Schedule): boolean {
  return Object.keys(changesOf(choiceOf(draftOf(a)), choiceOf(draftOf(b)))).length === 0
}
