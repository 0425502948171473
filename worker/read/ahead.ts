/** Objects of a list ahead of their turn. */

/** They are asked for while those before them are read: the request takes longer than the bytes. */
const objectsAhead = 16

interface Started<Item, Opened> {
  item: Item
  /** Absent: it is opened when its turn comes. */
  opened?: Promise<Opened>
}

/**
 * The items in their order, some of them opened ahead of their turn. Errors: those of `items`; those of `open` are
 * left to whoever awaits `opened`.
 * @param open answers `undefined` where an item is not to be opened ahead of its turn
 * @param close what becomes of those whose turn never came
 */
export async function* startedAhead<Item, Opened>(
  items: AsyncIterable<Item>,
  open: (item: Item) => Promise<Opened> | undefined,
  close: (opened: Opened) => Promise<void>,
): AsyncGenerator<Started<Item, Opened>> {
  const waiting: Started<Item, Opened>[] = []
  try {
    for await (const item of items) {
      const opened = open(item)
      // Until its turn comes, nobody listens.
      opened?.catch(() => undefined)
      waiting.push({ item, ...(opened ? { opened } : {}) })
      if (waiting.length > objectsAhead) yield* waiting.splice(0, 1)
    }
    while (waiting.length > 0) yield* waiting.splice(0, 1)
  } finally {
    for (const { opened } of waiting) await opened?.then(close).catch(() => undefined)
  }
}
