import { spawn } from 'node:child_process'
import { PROXY_CPU } from './pinning.ts'

const NEIGHBOUR = new URL('../load/neighbour.js', import.meta.url).pathname

/** Other work on the CPU of the proxies, until the function that is returned is called. */
export function startNeighbour(): () => void {
  const command = ['-c', String(PROXY_CPU), process.execPath, NEIGHBOUR]
  const child = spawn('taskset', command, { stdio: 'ignore' })
  const stop = () => {
    child.kill('SIGKILL')
  }
  process.once('exit', stop)
  return stop
}
