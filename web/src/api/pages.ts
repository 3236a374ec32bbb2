import { request } from './client'
import type { Page } from './model'

/** Follows the cursor to the end. For lists that a person looks at whole. */
export async function everyPage<T>(address: string, signal: AbortSignal): Promise<T[]> {
  const items: T[] = []
  let cursor: string | undefined
  do {
    const page: Page<T> = await request<Page<T>>('GET', address, { query: { cursor }, signal })
    items.push(...page.items)
    cursor = page.next_cursor
  } while (cursor)
  return items
}
