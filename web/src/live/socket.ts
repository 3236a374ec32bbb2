/**
 * One connection for all topics, which comes back by itself and misses nothing:
 * it remembers the last event of every topic and asks for what came after.
 */

import { type ClientMessage, type LiveEvent, readMessage } from './protocol'

export type LiveState = 'idle' | 'connecting' | 'open' | 'waiting'

export interface TopicListener {
  onEvent(event: LiveEvent): void
  /** What was shown may be old, read it again: at the first subscription, and after a reset. */
  onReset(): void
}

/** The part of a WebSocket that is used. */
export interface Channel {
  onopen: (() => void) | null
  onmessage: ((message: { data: unknown }) => void) | null
  onclose: (() => void) | null
  send(text: string): void
  close(): void
}

export interface LiveOptions {
  /** A ticket for one connection; rejects while the server is away. */
  ticket(): Promise<string>
  open(ticket: string): Channel
  /** Waits before the next try; the answer cancels it. */
  later(milliseconds: number, run: () => void): () => void
  random(): number
}

interface Topic {
  readonly listeners: Set<TopicListener>
  last: string | undefined
}

const firstWait = 500
const longestWait = 20_000

export class Live {
  private readonly topics = new Map<string, Topic>()
  private readonly watchers = new Set<() => void>()
  private channel: Channel | undefined
  private cancelRetry: (() => void) | undefined
  private failures = 0
  private current: LiveState = 'idle'

  constructor(private readonly options: LiveOptions) {}

  get state(): LiveState {
    return this.current
  }

  watch = (listener: () => void): (() => void) => {
    this.watchers.add(listener)
    return () => this.watchers.delete(listener)
  }

  /** Listens to a topic until the answer is called. */
  subscribe(name: string, listener: TopicListener): () => void {
    const known = this.topics.get(name)
    const topic = known ?? { listeners: new Set(), last: undefined }
    topic.listeners.add(listener)
    if (!known) {
      this.topics.set(name, topic)
      if (this.current === 'open') this.ask(name, topic)
      else if (this.current === 'idle') void this.connect()
    }
    return () => {
      if (!topic.listeners.delete(listener) || topic.listeners.size > 0) return
      this.topics.delete(name)
      if (this.current === 'open') this.send({ op: 'unsubscribe', topic: name })
    }
  }

  /** Tries at once, when the network is back or the tab is looked at again. */
  wake(): void {
    if (this.current !== 'waiting') return
    this.cancelRetry?.()
    void this.connect()
  }

  close(): void {
    this.cancelRetry?.()
    const channel = this.channel
    this.channel = undefined
    channel?.close()
    this.become('idle')
  }

  private async connect(): Promise<void> {
    this.become('connecting')
    let channel: Channel
    try {
      channel = this.options.open(await this.options.ticket())
    } catch {
      this.retry()
      return
    }
    if (this.current !== 'connecting') {
      channel.close()
      return
    }
    this.channel = channel
    channel.onopen = () => {
      this.become('open')
      for (const [name, topic] of this.topics) this.ask(name, topic)
    }
    channel.onmessage = message => {
      if (this.channel === channel) this.receive(message.data)
    }
    channel.onclose = () => {
      if (this.channel !== channel) return
      this.channel = undefined
      this.retry()
    }
  }

  private retry(): void {
    if (this.topics.size === 0) {
      this.become('idle')
      return
    }
    // Half of the wait is random: after a restart not everybody comes at once.
    const wait = Math.min(longestWait, firstWait * 2 ** this.failures) * (0.5 + this.options.random() / 2)
    this.failures++
    this.cancelRetry = this.options.later(wait, () => void this.connect())
    this.become('waiting')
  }

  private ask(name: string, topic: Topic): void {
    this.send(
      topic.last ? { op: 'subscribe', topic: name, after: topic.last } : { op: 'subscribe', topic: name },
    )
  }

  private send(message: ClientMessage): void {
    this.channel?.send(JSON.stringify(message))
  }

  private receive(raw: unknown): void {
    const message = readMessage(raw)
    if (!message) return
    // The connection holds: the next loss begins with a short wait again.
    this.failures = 0
    switch (message.op) {
      case 'event': {
        const topic = this.topics.get(message.event.topic)
        if (!topic) return
        topic.last = message.event.id
        for (const listener of [...topic.listeners]) listener.onEvent(message.event)
        return
      }
      case 'subscribed': {
        const topic = this.topics.get(message.topic)
        if (!topic) return
        // What happened between the page's read and this subscription is in no
        // event, so what was read is read again.
        const fresh = topic.last === undefined
        topic.last ??= message.id
        if (fresh) for (const listener of [...topic.listeners]) listener.onReset()
        return
      }
      case 'reset': {
        const topic = this.topics.get(message.topic)
        if (!topic) return
        topic.last = message.id
        for (const listener of [...topic.listeners]) listener.onReset()
        return
      }
      case 'error':
        return
    }
  }

  private become(state: LiveState): void {
    if (this.current === state) return
    this.current = state
    for (const watcher of [...this.watchers]) watcher()
  }
}
