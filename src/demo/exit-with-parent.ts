/**
 * Loaded into a sidecar of the demo before everything else: when the demo ends in any way, standard
 * input ends, and the sidecar drains as after SIGTERM.
 */
process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM'))
process.stdin.on('error', () => process.kill(process.pid, 'SIGTERM'))
process.stdin.resume()
// Standard input must not keep a drained sidecar alive.
if ('unref' in process.stdin && typeof process.stdin.unref === 'function') process.stdin.unref()
