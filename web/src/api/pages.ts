/** Follows a list's cursor to the end. For lists that a person looks at whole. */
export async function everyPage<T>(
  read: (cursor: string | undefined) => Promise<{ items: T[]; next_cursor?: string }>,
): Promise<T[]> {
  const items: T[] = []
  let cursor: string | undefined
  do {
    const page = await read(cursor)
    items.push(...page.items)
    cursor = page.next_cursor
  } while (cursor)
  return items
}
