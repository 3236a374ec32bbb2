import { Link } from '@tanstack/react-router'
import { type MouseEvent, useState } from 'react'
import type { ScheduleRun } from '@/api/model'
import { moment } from '@/lib/when'
import { Ago, useNow } from '@/ui/Ago'
import { usePanels } from '@/ui/panels'
import { JobChip, StatusChip } from '@/ui/StatusChip'
import ui from '@/ui/ui.module.css'
import css from './schedules.module.css'
import { runWords } from './words'

/** So many say how it goes; the others are there for who looks for one. */
const few = 3

export function Runs({ runs }: { runs: readonly ScheduleRun[] }) {
  const [all, setAll] = useState(false)
  if (runs.length === 0) return <p className={css.terms}>It has not run yet.</p>
  return (
    <div>
      <ul className={css.runs} aria-label="Latest runs">
        {(all ? runs : runs.slice(0, few)).map(run => (
          <Run key={run.at} run={run} />
        ))}
      </ul>
      {runs.length > few && (
        <button
          type="button"
          className={`${ui.copy} ${css.allRuns}`}
          aria-expanded={all}
          onClick={() => setAll(!all)}
        >
          {all ? 'Show fewer runs' : `Show all ${runs.length} runs`}
        </button>
      )}
    </div>
  )
}

function Run({ run }: { run: ScheduleRun }) {
  const now = useNow()
  const words = runWords(run)
  return (
    <li className={css.run}>
      <Ago at={run.at} />
      {words ? (
        <StatusChip tone={words[0]} sign={words[1]}>
          {words[2]}
        </StatusChip>
      ) : (
        <JobChip state={run.state ?? 'running'} />
      )}
      {words && (
        <span className={css.more}>
          {words[3]}
          {run.problem?.hint && ` ${run.problem.hint}`}
        </span>
      )}
      {run.job_id && <JobLink id={run.job_id} what={moment(Date.parse(run.at), now)} />}
    </li>
  )
}

/** Opens the job beside the page; a new tab shows it as a page. */
export function JobLink({ id, what }: { id: string; what: string }) {
  const { openJob } = usePanels()
  const open = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return
    event.preventDefault()
    openJob(id)
  }
  return (
    <Link to="/jobs/$jobId" params={{ jobId: id }} onClick={open} aria-label={`Show the job: ${what}`}>
      Show the job
    </Link>
  )
}
