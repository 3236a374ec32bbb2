import type { QueryClient, QueryKey } from '@tanstack/react-query'

/**
 * Reads again what lies under the key, because it changed. What is being read for
 * the first time may be from before the change and is read once more then: the
 * client restarts only reads that something is shown of already.
 */
export async function reread(client: QueryClient, queryKey: QueryKey): Promise<void> {
  const first = client
    .getQueryCache()
    .findAll({ queryKey, fetchStatus: 'fetching' })
    .filter(query => query.state.data === undefined)
  await client.invalidateQueries({ queryKey })
  if (first.length > 0)
    await client.invalidateQueries({ queryKey, predicate: query => first.includes(query) })
}

/**
 * Takes over what an event tells of something that is shown. A read of it that is
 * under way may be from before the event, and is done again.
 */
export function told<T>(client: QueryClient, queryKey: QueryKey, change: (now: T) => T): void {
  const reading = client.isFetching({ queryKey, exact: true }) > 0
  client.setQueryData<T>(queryKey, now => (now === undefined ? undefined : change(now)))
  if (reading) void reread(client, queryKey)
}
