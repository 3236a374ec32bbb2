/** What the socket says. Events are small: ids and changed cells, never tables. */

import { isRecord } from '@/api/errors'

export interface LiveEvent {
  readonly topic: string
  readonly id: string
  readonly type: string
  /** The tab that caused it. */
  readonly origin: string | undefined
  readonly data: Readonly<Record<string, unknown>>
}

export type ServerMessage =
  | { readonly op: 'event'; readonly event: LiveEvent }
  | { readonly op: 'subscribed'; readonly topic: string; readonly last: string | undefined }
  | { readonly op: 'reset'; readonly topic: string }
  | { readonly op: 'error'; readonly topic: string | undefined; readonly detail: string }

export type ClientMessage =
  | { readonly op: 'subscribe'; readonly topic: string; readonly after?: string }
  | { readonly op: 'unsubscribe'; readonly topic: string }

/** undefined for what this version of the page does not know; it is passed over. */
export function readMessage(raw: unknown): ServerMessage | undefined {
  if (typeof raw !== 'string') return undefined
  let message: unknown
  try {
    message = JSON.parse(raw)
  } catch {
    return undefined
  }
  if (!isRecord(message)) return undefined
  const topic = text(message.topic)
  switch (message.op) {
    case 'event': {
      const inner = isRecord(message.event) ? message.event : message
      const id = text(inner.id)
      const type = text(inner.type)
      const of = text(inner.topic)
      if (!id || !type || !of) return undefined
      const data = isRecord(inner.data) ? inner.data : {}
      return { op: 'event', event: { topic: of, id, type, origin: text(inner.origin), data } }
    }
    case 'subscribed':
      return topic ? { op: 'subscribed', topic, last: text(message.last) } : undefined
    case 'reset':
      return topic ? { op: 'reset', topic } : undefined
    case 'error':
      return { op: 'error', topic, detail: text(message.detail) ?? 'The live connection reported an error.' }
    default:
      return undefined
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
