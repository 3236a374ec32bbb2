import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LiveEvent } from './protocol'
import { type Channel, Live } from './socket'

/** A log of numbered events behind connections that break when told to. */
class Server {
  readonly log: string[] = []
  readonly asked: string[] = []
  channel: (Channel & { live: boolean }) | undefined
  away = false
  retained = 0
  private subscribed = false

  options = {
    ticket: async () => {
      if (this.away) throw new TypeError('away')
      return 'ticket'
    },
    open: () => {
      const channel = {
        live: true,
        onopen: null,
        onmessage: null,
        onclose: null,
        send: (text: string) => this.hear(JSON.parse(text)),
        close: () => this.drop(),
      } as Channel & { live: boolean }
      this.channel = channel
      this.subscribed = false
      return channel
    },
    later: (wait: number, run: () => void) => {
      this.waits.push(wait)
      this.pending = run
      return () => {
        this.pending = undefined
      }
    },
    random: () => 0.5,
  }
  waits: number[] = []
  pending: (() => void) | undefined

  private hear(message: { op: string; topic: string; after?: string }) {
    this.asked.push(`${message.op} ${message.after ?? ''}`.trim())
    this.subscribed = message.op === 'subscribe'
    if (!this.subscribed) return
    const newest = this.log.length > 0 ? `e-${this.log.length}` : undefined
    if (message.after !== undefined) {
      const from = Number(message.after.split('-')[1])
      if (from < this.retained) this.say({ op: 'reset', topic: message.topic, id: newest })
      else for (let n = from + 1; n <= this.log.length; n++) this.tell(n)
    }
    this.say({ op: 'subscribed', topic: message.topic, id: newest })
  }

  private say(message: object) {
    this.channel?.onmessage?.({ data: JSON.stringify(message) })
  }

  private tell(n: number) {
    this.say({
      op: 'event',
      topic: 't',
      id: `e-${n}`,
      type: 'snapshot.changed',
      data: { name: this.log[n - 1] },
    })
  }

  write(text: string) {
    this.log.push(text)
    if (this.channel?.live && this.subscribed) this.tell(this.log.length)
  }

  accept() {
    this.channel?.onopen?.()
  }

  drop() {
    const channel = this.channel
    if (!channel?.live) return
    channel.live = false
    this.channel = undefined
    channel.onclose?.()
  }
}

const settle = () => new Promise<void>(done => setTimeout(done, 0))

async function connected() {
  const server = new Server()
  const live = new Live(server.options)
  let shown: unknown[] = []
  const stop = live.subscribe('t', {
    onEvent: (event: LiveEvent) => {
      if (event.type === 'snapshot.changed') shown.push(event.data.name)
    },
    onReset: () => {
      shown = [...server.log]
    },
  })
  await settle()
  server.accept()
  return { server, live, stop, shown: () => shown }
}

describe('live', () => {
  it('shows the same as the log, whenever it breaks and however much is forgotten', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('write', 'break', 'forget', 'return'), { maxLength: 30 }),
        async happenings => {
          const { server, shown } = await connected()
          let n = 0
          for (const what of [...happenings, 'return', 'write']) {
            if (what === 'write') server.write(`event ${++n}`)
            if (what === 'break') server.drop()
            if (what === 'forget') server.retained = server.log.length
            if (what === 'return' && server.pending) {
              server.pending()
              server.pending = undefined
              await settle()
              server.accept()
            }
          }
          expect(shown()).toEqual(server.log)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('asks for what came after the last event it saw', async () => {
    const { server } = await connected()
    server.write('one')
    server.write('two')
    server.drop()
    server.pending?.()
    await settle()
    server.accept()
    expect(server.asked).toEqual(['subscribe', 'subscribe e-2'])
  })

  it('waits longer after every failure, and briefly again once it was connected', async () => {
    const { server } = await connected()
    server.away = true
    server.drop()
    for (let i = 0; i < 8; i++) {
      server.pending?.()
      await settle()
    }
    expect(server.waits.slice(0, 3)).toEqual([375, 750, 1500])
    expect(Math.max(...server.waits)).toBeLessThanOrEqual(20_000)
    server.away = false
    server.pending?.()
    await settle()
    server.accept()
    server.waits = []
    server.drop()
    expect(server.waits).toEqual([375])
  })

  it('tells its state and comes back at once when woken', async () => {
    const { server, live } = await connected()
    const states: string[] = []
    live.watch(() => states.push(live.state))
    server.drop()
    live.wake()
    await settle()
    server.accept()
    expect(states).toEqual(['waiting', 'connecting', 'open'])
  })

  it('is silent about topics nobody listens to any more', async () => {
    const { server, stop, shown } = await connected()
    stop()
    stop()
    server.write('late')
    expect(shown()).toEqual([])
    expect(server.asked).toEqual(['subscribe', 'unsubscribe'])
  })

  it('passes over what it does not understand', async () => {
    const { server, shown } = await connected()
    for (const data of ['', '{', '[]', '{"op":"event"}', '{"op":"news"}', new Blob()]) {
      expect(() => server.channel?.onmessage?.({ data })).not.toThrow()
    }
    expect(shown()).toEqual([])
  })
})
