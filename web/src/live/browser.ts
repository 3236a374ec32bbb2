/** The live connection of this tab, over the browser's own WebSocket. */

import { api, take } from '@/api/client'
import { type Channel, Live } from './socket'

function open(ticket: string): Channel {
  const url = new URL('/api/v1/ws', location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  url.searchParams.set('ticket', ticket)
  const socket = new WebSocket(url)
  const channel: Channel = {
    onopen: null,
    onmessage: null,
    onclose: null,
    send: text => socket.send(text),
    close: () => socket.close(),
  }
  socket.onopen = () => channel.onopen?.()
  socket.onmessage = message => channel.onmessage?.(message)
  socket.onclose = () => channel.onclose?.()
  return channel
}

export function browserLive(): Live {
  const live = new Live({
    ticket: async () => (await take(api.POST('/api/v1/ws-tickets'))).ticket,
    open,
    later: (wait, run) => {
      const timer = setTimeout(run, wait)
      return () => clearTimeout(timer)
    },
    random: Math.random,
  })
  addEventListener('online', () => live.wake())
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) live.wake()
  })
  return live
}
