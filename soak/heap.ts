// Loaded into a sidecar before its own code (node --expose-gc --import): answers with what is alive.

process.on('message', () => {
  globalThis.gc?.()
  const { heapUsed, external, rss } = process.memoryUsage()
  process.send?.({ heapBytes: heapUsed, externalBytes: external, rssBytes: rss })
})
// Whoever asks does not keep the process alive.
process.channel?.unref()
