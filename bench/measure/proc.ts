import { readdirSync, readFileSync } from 'node:fs'

/** CPU time in nanoseconds that a process and its living descendants have used so far. */
export function cpuNanos(pid: number): number {
  let nanos = 0
  for (const process of tree(pid)) {
    for (const task of tasks(process)) {
      // First field of schedstat: time on the CPU, in nanoseconds (Documentation/scheduler/sched-stats).
      nanos += Number(read(`/proc/${process}/task/${task}/schedstat`).split(' ')[0] ?? 0)
    }
  }
  return nanos
}

/** Of one clock tick, in which the kernel tells times in `stat` (USER_HZ is 100 on all that Node runs on). */
const TICK_NANOS = 10_000_000

/**
 * CPU time in nanoseconds of one process with all threads that it has had: coarser than `cpuNanos`, which misses
 * the threads that have ended.
 */
export function cpuNanosOfAllThreads(pid: number): number {
  const text = read(`/proc/${pid}/stat`)
  // Behind the name, which may hold anything: state is the third field, utime the 14th, stime the 15th.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_NANOS
}

/** Memory of a process and its descendants, in bytes. */
export interface Memory {
  /** Resident, shared pages of libraries and program text included. */
  readonly rssBytes: number
  /** Written to, and shared with no process: what one more such process costs. */
  readonly privateBytes: number
}

/** Sums over the process tree, from smaps_rollup. */
export function memory(pid: number): Memory {
  let rssBytes = 0
  let privateBytes = 0
  for (const process of tree(pid)) {
    const text = read(`/proc/${process}/smaps_rollup`)
    rssBytes += kilobytes(text, 'Rss') * 1024
    privateBytes += kilobytes(text, 'Private_Dirty') * 1024
  }
  return { rssBytes, privateBytes }
}

/** The CPUs that this process may use. */
export function allowedCpus(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(read('/proc/self/status'))?.[1] ?? '0'
  return list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, i) => from + i)
  })
}

function tree(pid: number): number[] {
  const children = tasks(pid).flatMap((task) =>
    read(`/proc/${pid}/task/${task}/children`).split(/\s+/).filter(Boolean).map(Number),
  )
  return [pid, ...children.flatMap(tree)]
}

function tasks(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

/** '' where the thread or process has ended meanwhile. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function kilobytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0)
}
