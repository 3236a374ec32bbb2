import type { Schedule } from '@/api/model'
import { ago } from '@/lib/format'
import { elsewhere, moment } from '@/lib/when'
import { useNow } from '@/ui/Ago'
import css from './schedules.module.css'

/** When it comes next, on the clocks of who looks; the schedule's own where they differ. */
export function NextRuns({ schedule }: { schedule: Schedule }) {
  const now = useNow()
  const { next_runs: times, paused, paused_why: why, engine_away: away } = schedule
  const [first, ...later] = times
  if (paused) return <p className={css.next}>{why ? `Paused: ${why}` : 'It runs when you resume it.'}</p>
  if (!first) return <p className={css.next}>{away ? 'Next: not known just now' : 'It comes no more.'}</p>
  const left = Date.parse(first) - now
  return (
    <div>
      <p className={css.next}>
        Next {left < 10_000 ? 'any moment now' : ago(Date.parse(first), now)}
        {': '}
        <Time at={first} now={now} zone={schedule.time_zone} />
      </p>
      {later.length > 0 && (
        <details className={css.later}>
          <summary>Times after that</summary>
          <ol>
            {later.map(at => (
              <li key={at}>
                <Time at={at} now={now} zone={schedule.time_zone} />
              </li>
            ))}
          </ol>
        </details>
      )}
    </div>
  )
}

function Time({ at, now, zone }: { at: string; now: number; zone: string }) {
  const there = elsewhere(Date.parse(at), zone)
  return (
    <time dateTime={at} className={css.time}>
      {moment(Date.parse(at), now)}
      {there && <span className={css.there}> ({there})</span>}
    </time>
  )
}
