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
  | { readonly op: 'subscribed'; readonly topic: string; readonly id: string | undefined }
  | { readonly op: 'reset'; readonly topic: string; readonly id: string | undefined }
  | { readonly op: 'error'; readonly topic: string | undefined; readonly detail: string }

export type ClientMessage =
  | { readonly op: 'subscribe'; readonly topic: string; readonly after?: string }
  | { readonly op: 'unsubscribe'; readonly topic: string }

/**
 * undefined for what this version of the page does not know; it is passed over.
 * So is presence, which is not kept and has no id.
 */
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
      const id = text(message.id)
      const type = text(message.type)
      if (!topic || !id || !type) return undefined
      const data = isRecord(message.data) ? message.data : {}
      return { op: 'event', event: { topic, id, type, origin: text(message.origin), data } }
    }
    case 'subscribed':
      return topic ? { op: 'subscribed', topic, id: text(message.id) } : undefined
    case 'reset':
      return topic ? { op: 'reset', topic, id: text(message.id) } : undefined
    case 'error':
      return { op: 'error', topic, detail: text(message.detail) ?? 'The live connection reported an error.' }
    default:
      return undefined
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
