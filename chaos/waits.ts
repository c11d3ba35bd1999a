// Every wait of a run has an end and a name, so that a run which hangs can say on what.

interface Wait {
  readonly what: string
  readonly since: number
}

const waiting = new Set<Wait>()

/**
 * What `work` resolves to; after `ms` an Error that names what was waited for. What was begun is not
 * undone by that.
 */
export async function within<T>(ms: number, what: string, work: PromiseLike<T>): Promise<T> {
  const wait: Wait = { what, since: performance.now() }
  waiting.add(wait)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`waited ${Math.round(ms / 1000)} s in vain for ${what}`)),
      ms,
    )
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
    waiting.delete(wait)
  }
}

/** What is waited for at this moment, what has waited longest first. */
export function waitedFor(): string[] {
  const now = performance.now()
  return [...waiting]
    .sort((a, b) => a.since - b.since)
    .map(({ what, since }) => `${what}, for ${Math.round((now - since) / 1000)} s`)
}
