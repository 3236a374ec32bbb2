/** What the socket says. Events are small: ids and changed cells, never tables. */

import { isRecord } from '@/api/errors'
import { type EventData, type EventType, eventTypes } from './protocol.generated'

type EventOf<T extends EventType> = {
  readonly topic: string
  readonly id: string
  readonly type: T
  /** The tab that caused it. */
  readonly origin: string | undefined
  readonly data: EventData[T]
}

/** An event with the data of its type. */
export type LiveEvent = { [T in EventType]: EventOf<T> }[EventType]

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
      const type = eventTypes.find(known => known === message.type)
      if (!topic || !id || !type || !isRecord(message.data)) return undefined
      // The server made the data from the types this union is generated from.
      const event = {
        topic,
        id,
        type,
        origin: text(message.origin),
        data: message.data,
      } as unknown as LiveEvent
      return { op: 'event', event }
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
