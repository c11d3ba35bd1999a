// Loaded into a sidecar before its own code (node --expose-gc --import), and into each of its threads:
// answers with what is alive in all of them together.
import { BroadcastChannel, isMainThread } from 'node:worker_threads'

interface Alive {
  readonly heapBytes: number
  readonly externalBytes: number
}

const channel = new BroadcastChannel('soak')

function alive(): Alive {
  globalThis.gc?.()
  const { heapUsed: heapBytes, external: externalBytes } = process.memoryUsage()
  return { heapBytes, externalBytes }
}

/** What the threads say, as far as they say it at once: they are there or they are not. */
const PATIENCE_MS = 2000

if (isMainThread) {
  // Those that have said that they are there.
  const threads = new Set<string>()
  let told: (from: string, what: Alive) => void = () => {}
  channel.onmessage = ({ data }: { data: unknown }) => {
    const { from, alive: what } = data as { from: string; alive?: Alive }
    threads.add(from)
    if (what !== undefined) told(from, what)
  }
  const all = () =>
    new Promise<Alive[]>((resolve) => {
      const said = new Map<string, Alive>()
      const late = setTimeout(() => resolve([...said.values()]), PATIENCE_MS)
      const done = () => {
        clearTimeout(late)
        resolve([...said.values()])
      }
      told = (from, what) => {
        said.set(from, what)
        if (said.size === threads.size) done()
      }
      if (threads.size === 0) done()
      else channel.postMessage('alive?')
    })
  process.on('message', async () => {
    const parts = [alive(), ...(await all())]
    process.send?.({
      heapBytes: parts.reduce((sum, { heapBytes }) => sum + heapBytes, 0),
      externalBytes: parts.reduce((sum, { externalBytes }) => sum + externalBytes, 0),
      rssBytes: process.memoryUsage().rss,
    })
  })
  // The question does not keep the process alive.
  process.channel?.unref()
} else {
  const from = crypto.randomUUID()
  // Threads hear each other as well.
  channel.onmessage = ({ data }: { data: unknown }) => {
    if (data === 'alive?') channel.postMessage({ from, alive: alive() })
  }
  channel.postMessage({ from })
}
channel.unref()
