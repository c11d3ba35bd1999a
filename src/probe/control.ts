import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorCode, fault } from '../fault.ts'
import { ordinaryLogin } from './attacks/database.ts'
import { ordinaryMetadata } from './attacks/kafka.ts'
import type { Context, DatabaseAtHand } from './context.ts'
import { send } from './conversation.ts'
import { openSocket } from './dial.ts'
import { masked } from './evidence.ts'
import { findingOf } from './finding.ts'
import { honest, hostLine, requestBytes } from './http.ts'

/** The result of an ordinary call with the best available certificate. */
export interface Control {
  /** The id in the certificate that was used, or null. */
  readonly as: string | null
  /** The target let it in, so attacks that depend on this were really tested. */
  readonly let: boolean
  /** One sentence. */
  readonly because: string
  /** What would let it in; certificates by default. */
  readonly advice?: string
}

/**
 * The ordinary call that every attack is a variant of. If even this is refused, all attacks were
 * refused for the same reason: they are blocked, but the report must say why.
 */
export async function control(context: Context): Promise<Control> {
  const { database, kafka } = context
  if (database !== undefined) return databaseControl(context, database)
  if (kafka !== undefined) return kafkaControl(context)
  const as = context.accepted?.id ?? null
  const bytes = requestBytes({ target: context.ordinaryPath, lines: honest(context) })
  const { outcome, reason, because } = findingOf(await send(context, bytes))
  const seen = `GET ${context.ordinaryPath}: ${masked(because)}`
  const told = { as, let: outcome === 'got-through', because: seen }
  if (reason !== 'tenant-not-allowed' || context.token !== undefined) return told
  return { ...told, advice: 'give a token that the module has seen, by --token-file' }
}

/** No password is needed to see whether the module's own role would be let in. */
async function databaseControl(context: Context, database: DatabaseAtHand): Promise<Control> {
  const { outcome, because } = await ordinaryLogin(context, database)
  return {
    as: database.role,
    let: outcome === 'got-through',
    because: `login to ${database.database}: ${masked(because)}`,
    advice: 'name the role and the database of the module by --role and --database',
  }
}

async function kafkaControl(context: Context): Promise<Control> {
  const { outcome, because } = await ordinaryMetadata(context)
  return {
    as: null,
    let: outcome === 'got-through',
    because: `Metadata: ${masked(because)}`,
    advice: 'name the address that KAFKA_HOST of a module points to',
  }
}

/** Its meaning for the rest of the report. */
export function controlSentence({ as, let: inside, because, advice }: Control): string {
  const who = as === null ? 'without a certificate' : `as ${as}`
  const call = `An ordinary call ${who}, ${because}.`
  if (inside) return `${call} So the tricks were tried by a caller that is let in.`
  return `${call} So the tricks were tried by a caller that is not let in; to try them with one that is, ${advice ?? 'give --ca, or credentials that the target accepts'}.`
}

const BETWEEN_TRIES_MS = 250

/**
 * Throws a Fault if not even a TCP connection can be made: then nothing can be judged. It retries for `waitMs`,
 * because a network may take a moment to route to a new pod.
 */
export async function requireReachable(context: Context, waitMs = 0): Promise<void> {
  const end = performance.now() + waitMs
  for (;;) {
    const problem = await connectProblem(context)
    if (problem === undefined) return
    if (performance.now() >= end || context.signal.aborted) {
      throw fault(`${hostLine(context.target)} cannot be reached (${problem})`)
    }
    await sleep(BETWEEN_TRIES_MS)
  }
}

async function connectProblem({ target, timeoutMs }: Context): Promise<string | undefined> {
  const socket = openSocket({ ...target, tls: false })
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(timeoutMs) })
    return undefined
  } catch (error) {
    return errorCode(error) ?? String(error)
  } finally {
    socket.destroy()
  }
}
