import type { Random } from './random.ts'

/** How the sidecars of a run are set up. */
export interface Mode {
  /** Do they speak the link with each other, or HTTP/1.1? */
  readonly link: boolean
  /** Threads of each. */
  readonly workers: number
}

/** Of ten runs. */
const HTTP1_SHARE = 0.3
const THREADS_SHARE = 0.3

/** What is not given the seed decides. */
export function drawMode(random: Random, given: Partial<Mode>): Mode {
  const drawn = {
    link: !random.chance(HTTP1_SHARE),
    workers: random.chance(THREADS_SHARE) ? 2 : 1,
  }
  return { link: given.link ?? drawn.link, workers: given.workers ?? drawn.workers }
}

/** As a person says it. */
export function modeText({ link, workers }: Mode): string {
  return `${link ? 'link' : 'HTTP/1.1'}, ${workers} ${workers === 1 ? 'thread' : 'threads'}`
}

/** As options that choose it again. */
export function modeOptions({ link, workers }: Mode): string {
  return `--link ${link ? 'yes' : 'no'} --workers ${workers}`
}
