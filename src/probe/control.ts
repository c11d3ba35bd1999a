import { once } from 'node:events'
import { errorCode, fault } from '../fault.ts'
import type { Context } from './context.ts'
import { send } from './conversation.ts'
import { openSocket } from './dial.ts'
import { masked } from './evidence.ts'
import { findingOf } from './finding.ts'
import { honest, hostLine, request } from './http.ts'

/** What an ordinary call came to, with the best certificate that is at hand. */
export interface Control {
  /** The id in the certificate that was shown, or null. */
  readonly as: string | null
  /** The door let it in: what was tried behind the door was tried there. */
  readonly let: boolean
  /** One sentence. */
  readonly because: string
}

/**
 * The call that every trick is a twin of. Where even this is refused, the tricks were judged at a
 * closed door: they are blocked, but the report must say by what.
 */
export async function control(context: Context): Promise<Control> {
  const as = context.accepted?.id ?? null
  const bytes = request({ target: context.ordinaryPath, lines: honest(context) })
  const { outcome, because } = findingOf(await send(context, bytes))
  const seen = `GET ${context.ordinaryPath}: ${masked(because)}`
  return { as, let: outcome === 'got-through', because: seen }
}

/** What it means for the rest of the report. */
export function controlSentence({ as, let: inside, because }: Control): string {
  const who = as === null ? 'without a certificate' : `as ${as}`
  const call = `An ordinary call ${who}, ${because}.`
  if (inside) return `${call} So the tricks were tried behind the door.`
  return `${call} So the tricks were tried at a closed door; to try them behind it, give --ca, or the credentials of somebody whom this door lets in.`
}

/** Throws a Fault where not even a TCP connection comes up: then nothing can be judged. */
export async function requireReachable({ target, timeoutMs }: Context): Promise<void> {
  const socket = openSocket({ ...target, tls: false })
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(timeoutMs) })
  } catch (error) {
    const code = errorCode(error) ?? String(error)
    throw fault(`${hostLine(target)} cannot be reached (${code})`)
  } finally {
    socket.destroy()
  }
}
