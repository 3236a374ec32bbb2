import css from './ui.module.css'

interface ProgressBarProps {
  label: string
  done: number
  /** Below zero while it is not known. */
  total: number
  look: 'running' | 'done' | 'stopped'
}

/** A bar that says how far, or that something moves while the end is not known. */
export function ProgressBar({ label, done, total, look }: ProgressBarProps) {
  const known = total >= 0
  const share = known
    ? total === 0
      ? look === 'done'
        ? 100
        : 0
      : Math.min(100, (done / total) * 100)
    : undefined
  const full = look === 'done' ? 100 : share
  const wandering = full === undefined && look === 'running'
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={full === undefined ? undefined : Math.round(full)}
      className={css.track}
    >
      <div
        className={[
          css.bar,
          look === 'done' && css.done,
          look === 'stopped' && css.stopped,
          wandering && css.unknown,
        ]
          .filter(Boolean)
          .join(' ')}
        style={wandering ? undefined : { width: `${full ?? 100}%` }}
      />
    </div>
  )
}
