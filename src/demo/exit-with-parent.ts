/**
 * Loaded into a sidecar of the demo before everything else: when the demo is gone, however it went,
 * standard input ends, and the sidecar drains as if it had been asked to.
 */
process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM'))
process.stdin.on('error', () => process.kill(process.pid, 'SIGTERM'))
process.stdin.resume()
// A sidecar that has drained must not be held by its standard input.
if ('unref' in process.stdin && typeof process.stdin.unref === 'function') process.stdin.unref()
