import { availableParallelism, totalmem } from 'node:os'
import type { Config } from '../config/config.ts'
import type { Problem } from '../fault.ts'
import { openFileLimit } from '../transport/descriptors.ts'

/** What decides how many threads there may be, and how many are of use. */
export interface Machine {
  readonly platform: NodeJS.Platform
  readonly cpus: number
}

/** This one. A container's share of CPUs counts as its CPUs. */
function thisMachine(): Machine {
  return { platform: process.platform, cpus: availableParallelism() }
}

/**
 * How many threads serve. Only Linux distributes connections among several that listen on one port.
 */
export function threadsOf({ workers }: Config, { platform } = thisMachine()): number {
  return platform === 'linux' ? workers : 1
}

/** Warnings about `workers` on this machine. */
export function workerProblems({ workers }: Config, machine = thisMachine()): Problem[] {
  if (workers === 1) return []
  const { platform, cpus } = machine
  const about = `\`workers\`: ${workers}`
  const warning = (message: string, hint: string): Problem[] => [
    { severity: 'warning', message, hint },
  ]
  if (platform !== 'linux') {
    return warning(`${about}, but threads need Linux: here one serves`, 'leave it out here')
  }
  if (workers <= cpus) return []
  const have = cpus === 1 ? 'there is 1 CPU' : `there are ${cpus} CPUs`
  return warning(`${about}, but ${have}: more threads cost memory and serve no more`, 'lower it')
}

/**
 * A warning before the kernel ends the process: buffered bytes need memory in addition to what the
 * process needs anyway.
 * @param memory bytes that this process may have, of its container or of the machine
 */
export function memoryProblems(bufferedBytes: number, memory = memoryLimit()): Problem[] {
  if (bufferedBytes <= memory / 2) return []
  return [
    {
      severity: 'warning',
      message: `limits.bufferedBytes (${bufferedBytes}) is more than half of the ${memory} bytes of memory that there are`,
      hint: 'give the container more memory or lower limits.bufferedBytes',
    },
  ]
}

/** A connection over TLS that does nothing takes 82 kB, one with half a record in it 112 kB. */
const BYTES_OF_CONNECTION = 100 * 1024
/** With fewer places nothing can be served. */
const FEWEST_CONNECTIONS = 64

/**
 * The limits of a listener for TLS. Its connections may take a quarter of the memory. Otherwise the
 * kernel would end the process, and all calls with it, if one caller opened `limits.connections`.
 * @param memory bytes that this process may have, of all its threads
 */
export function limitsOverTls(
  { limits, workers }: Pick<Config, 'limits' | 'workers'>,
  memory = memoryLimit(),
): Config['limits'] {
  const room = Math.floor(memory / 4 / BYTES_OF_CONNECTION / workers)
  const most = Math.max(FEWEST_CONNECTIONS, room)
  const { connections, pendingConnections } = limits
  return {
    ...limits,
    connections: Math.min(connections, most),
    pendingConnections: Math.min(pendingConnections, Math.ceil(most / 2)),
  }
}

function memoryLimit(): number {
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

/**
 * A warning before connections are refused because no descriptors are left: each connection of a
 * caller may need a second one, to the upstream.
 * @param openFiles null if the system does not say
 */
export function openFileProblems(connections: number, openFiles = openFileLimit()): Problem[] {
  if (openFiles === null || connections <= openFiles / 2) return []
  return [
    {
      severity: 'warning',
      message: `limits.connections (${connections}) is more than half of the ${openFiles} files that this process may have open: each connection of a caller may need one to its upstream`,
      hint: 'raise the limit on open files (ulimit -n, LimitNOFILE) or lower limits.connections',
    },
  ]
}
