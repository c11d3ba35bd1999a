// Every wait of a run has a name, and but for its stages an end, so that a run which hangs can say on what.

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
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`waited ${Math.round(ms / 1000)} s in vain for ${what}`)),
      ms,
    )
  })
  try {
    return await named(what, Promise.race([work, late]))
  } finally {
    clearTimeout(timer)
  }
}

/** What `work` resolves to, however long that takes: a stage of the run. */
export async function named<T>(what: string, work: PromiseLike<T>): Promise<T> {
  const wait: Wait = { what, since: performance.now() }
  waiting.add(wait)
  try {
    return await work
  } finally {
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
