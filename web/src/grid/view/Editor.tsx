import { useId, useLayoutEffect, useRef, useState } from 'react'
import { type Field, isLong, type Parsed, parse } from '../fields/values'
import css from './grid.module.css'

export type Leave = 'stay' | 'down' | 'left' | 'right'

interface EditorProps {
  label: string
  field: Field
  /** The cell's whole text when the editor opened. */
  original: string
  /** What stands in the editor at first: the text, or the key that opened it. */
  initial: string
  left: number
  top: number
  width: number
  height: number
  onCommit(parsed: Extract<Parsed, { ok: true }> | 'unchanged', leave: Leave): void
  onCancel(): void
}

/**
 * The one editor that is open. It is part of the first load and mounted
 * synchronously, so that no key pressed after the first is lost.
 */
export function Editor(props: EditorProps) {
  const { field, original, initial } = props
  const [text, setText] = useState(initial)
  const [reason, setReason] = useState<string>()
  const input = useRef<HTMLInputElement & HTMLTextAreaElement & HTMLSelectElement>(null)
  const done = useRef(false)
  const errorId = useId()

  useLayoutEffect(() => {
    const element = input.current
    if (!element) return
    element.focus({ preventScroll: true })
    if (element.tagName !== 'SELECT') element.setSelectionRange(element.value.length, element.value.length)
  }, [])

  const commit = (leave: Leave, value = text) => {
    if (done.current) return
    if (value === original) {
      done.current = true
      props.onCommit('unchanged', leave)
      return
    }
    const parsed = parse(field, value)
    if (!parsed.ok) {
      setReason(parsed.reason)
      return
    }
    done.current = true
    props.onCommit(parsed, leave)
  }
  const cancel = () => {
    done.current = true
    props.onCancel()
  }

  const onKeyDown = (event: React.KeyboardEvent) => {
    event.stopPropagation()
    // While a composition is open its keys belong to the input method.
    if (event.nativeEvent.isComposing || event.keyCode === 229) return
    if (event.key === 'Escape') cancel()
    else if (event.key === 'Enter' && !event.shiftKey) commit('down')
    else if (event.key === 'Tab') commit(event.shiftKey ? 'left' : 'right')
    else return
    event.preventDefault()
  }

  const long = isLong(field.kind)
  const shared = {
    ref: input,
    className: css.input,
    value: text,
    'aria-label': props.label,
    'aria-invalid': reason !== undefined || undefined,
    'aria-describedby': reason ? errorId : undefined,
    onKeyDown,
    onBlur: () => commit('stay'),
    onChange: (event: React.ChangeEvent<HTMLInputElement & HTMLTextAreaElement & HTMLSelectElement>) => {
      setText(event.target.value)
      setReason(undefined)
    },
  }
  const box = long
    ? {
        left: props.left,
        top: props.top,
        width: Math.max(props.width, 420),
        height: Math.max(props.height, 168),
      }
    : { left: props.left, top: props.top, width: Math.max(props.width, 120), height: props.height }
  return (
    <div className={css.editor} style={box} data-editor>
      {field.kind === 'select' && field.options?.length ? (
        <select {...shared}>
          <option value="">(empty)</option>
          {!field.options.some(o => o.name === text) && text !== '' && <option value={text}>{text}</option>}
          {field.options.map(o => (
            <option key={o.id} value={o.name}>
              {o.name}
            </option>
          ))}
        </select>
      ) : long ? (
        <textarea {...shared} spellCheck={field.kind !== 'json'} />
      ) : (
        <input {...shared} type="text" autoComplete="off" spellCheck={field.kind === 'text'} />
      )}
      {reason && (
        <p id={errorId} role="alert" className={css.reason}>
          {reason}
        </p>
      )}
    </div>
  )
}
