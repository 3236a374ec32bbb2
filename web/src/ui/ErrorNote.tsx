import { Button } from '@mantine/core'
import { useState } from 'react'
import { toApiError } from '@/api/errors'
import { Ago } from './Ago'
import css from './ui.module.css'

interface ErrorNoteProps {
  error: unknown
  /** What was tried, as a sentence: "The snapshot could not be made." */
  title: string
  onRetry?: () => void
}

/** An error with what to do about it and the id to look it up by. */
export function ErrorNote({ error, title, onRetry }: ErrorNoteProps) {
  const problem = toApiError(error)
  return (
    <div role="alert" className={css.error}>
      <p className={css.errorTitle}>{title}</p>
      <p>{problem.detail}</p>
      {problem.errors.length > 0 && (
        <ul>
          {problem.errors.map(one => (
            <li key={`${one.field} ${one.detail}`}>
              {one.field && <span className={css.code}>{one.field}: </span>}
              {one.detail}
            </li>
          ))}
        </ul>
      )}
      {problem.hint && <p>{problem.hint}</p>}
      <div className={css.errorFoot}>
        <span className={css.code}>{problem.code}</span>
        {problem.requestId && <RequestId id={problem.requestId} />}
        {onRetry && (
          <Button size="compact-sm" variant="default" onClick={onRetry}>
            Try again
          </Button>
        )}
      </div>
    </div>
  )
}

function RequestId({ id }: { id: string }) {
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(id)
      setCopied(true)
    } catch {
      // Without the right to the clipboard the id can still be selected by hand.
    }
  }
  return (
    <span>
      request <span className={css.code}>{id}</span>{' '}
      <button type="button" className={css.copy} onClick={() => void copy()}>
        {copied ? 'copied' : 'copy'}
      </button>
    </span>
  )
}

interface StoredProblem {
  code: string
  detail: string
  hint?: string | undefined
  /** Before then it is not tried again. */
  retry_at?: string | undefined
  fields?: { field: string; detail: string }[] | null | undefined
}

interface ProblemNoteProps {
  problem: StoredProblem
  title: string
  /** Where nothing failed: something to know, or to decide. */
  mild?: boolean
}

/** A problem that is stored with a job, an item or a connection. */
export function ProblemNote({ problem, title, mild = false }: ProblemNoteProps) {
  return (
    <div className={mild ? css.mild : css.error}>
      <p className={css.errorTitle}>{title}</p>
      <p>{problem.detail}</p>
      {problem.fields && problem.fields.length > 0 && (
        <ul>
          {problem.fields.map(one => (
            <li key={`${one.field} ${one.detail}`}>
              <span className={css.code}>{one.field}: </span>
              {one.detail}
            </li>
          ))}
        </ul>
      )}
      {problem.hint && <p>{problem.hint}</p>}
      {problem.retry_at && (
        <p>
          The service asks for a pause: it is tried again <Ago at={problem.retry_at} />.
        </p>
      )}
      <div className={css.errorFoot}>
        <span className={css.code}>{problem.code}</span>
      </div>
    </div>
  )
}
