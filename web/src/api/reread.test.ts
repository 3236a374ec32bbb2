import { QueryClient, QueryObserver } from '@tanstack/react-query'
import { expect, it } from 'vitest'
import { reread, told } from './reread'

/** A service whose answers come when the test says so, with what held when they were asked for. */
function slow(client: QueryClient) {
  let value = 'running'
  const answers: (() => void)[] = []
  const observer = new QueryObserver<string>(client, {
    queryKey: ['job'],
    queryFn: () => {
      const seen = value
      return new Promise(resolve => answers.push(() => resolve(seen)))
    },
  })
  const end = observer.subscribe(() => {})
  return {
    end,
    answers,
    become: (next: string) => {
      value = next
    },
    shown: () => observer.getCurrentResult().data,
    async answer() {
      const waiting = answers.shift()
      expect(waiting, 'nothing was asked for').toBeDefined()
      waiting?.()
      await new Promise(resolve => setTimeout(resolve))
    },
  }
}

// Breaks when a page that opened as something ended shows it running for ever.
it('reads again what is being read for the first time', async () => {
  const client = new QueryClient()
  const job = slow(client)
  job.become('completed')
  const done = reread(client, ['job'])
  await job.answer()
  expect(job.shown()).toBe('running')
  await job.answer()
  await done
  expect(job.shown()).toBe('completed')
  expect(job.answers.length).toBe(0)
  job.end()
})

it('reads once where nothing is being read', async () => {
  const client = new QueryClient()
  const job = slow(client)
  await job.answer()
  job.become('completed')
  const done = reread(client, ['job'])
  await job.answer()
  await done
  expect(job.shown()).toBe('completed')
  expect(job.answers.length).toBe(0)
  job.end()
})

// Breaks when an answer from before an event takes the event's news away again.
it('does not let an older answer undo what an event told', async () => {
  const client = new QueryClient()
  const job = slow(client)
  await job.answer()
  void client.invalidateQueries({ queryKey: ['job'] })
  job.become('completed')
  told<string>(client, ['job'], () => 'completed')
  expect(job.shown()).toBe('completed')
  await job.answer()
  await job.answer()
  expect(job.shown()).toBe('completed')
  job.end()
})

it('tells nothing of what was never read', async () => {
  const client = new QueryClient()
  const job = slow(client)
  job.become('completed')
  told<string>(client, ['job'], () => 'completed')
  expect(job.shown()).toBeUndefined()
  await job.answer()
  await job.answer()
  expect(job.shown()).toBe('completed')
  job.end()
})
