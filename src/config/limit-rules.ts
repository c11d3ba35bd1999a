import type { Config } from './config.ts'
import type { Flaw } from './issues.ts'

/** Of `exchangesToModule` Okapi's calls may have seven eighths. */
const OF_OKAPI = 7 / 8
/** Okapi closes idle connections after 60 s. */
const OKAPI_IDLE_MS = 60_000
/** Okapi has so many connections to one module (`http_max_size_proxy`). */
const OKAPI_CONNECTIONS = 1000

type Key = keyof Config['limits']

/**
 * A rule about two keys that contradict each other; reported at the first, or at the second if the
 * first was not set.
 */
interface Misfit {
  readonly keys: readonly [Key, Key?]
  readonly wrong: boolean
  readonly message: string
  readonly hint: string
}

/**
 * Limits that are allowed individually and contradict each other. Defaults are never reported.
 * @param written was this key of `limits` set?
 */
export function limitFlaws({ limits, module }: Config, written: (key: Key) => boolean): Flaw[] {
  const beside = module.product === 'okapi' ? besideOkapi(limits) : besideModule(limits)
  return [...ofConnections(limits), ...ofExchanges(limits), ...beside, ...ofTime(limits)].flatMap(
    ({ keys, wrong, message, hint }) => {
      const key = keys.find((each) => each !== undefined && written(each))
      return wrong && key !== undefined ? [{ path: ['limits', key], message, hint }] : []
    },
  )
}

function ofConnections(limits: Config['limits']): Misfit[] {
  const { connections, pendingConnections, connectionsPerPeer } = limits
  return [
    {
      keys: ['pendingConnections', 'connections'],
      wrong: pendingConnections >= connections,
      message: `limits.pendingConnections (${pendingConnections}) is not less than limits.connections (${connections}): most places are for connections without a request`,
      hint: 'an eighth of limits.connections is enough',
    },
    {
      keys: ['connectionsPerPeer'],
      wrong: connectionsPerPeer > connections,
      message: `limits.connectionsPerPeer (${connectionsPerPeer}) is more than limits.connections (${connections}), of which one caller has 21/32 at most`,
      hint: 'leave it out, or set it below that',
    },
  ]
}

function ofExchanges(limits: Config['limits']): Misfit[] {
  const { exchanges, exchangesToModule, exchangesPerCallee } = limits
  const { bufferedBytes, bufferedBytesPerExchange } = limits
  return [
    {
      keys: ['exchangesToModule', 'exchanges'],
      wrong: exchangesToModule > exchanges,
      message: `limits.exchangesToModule (${exchangesToModule}) is more than limits.exchanges (${exchanges}), which is the limit in force`,
      hint: 'raise limits.exchanges or lower limits.exchangesToModule',
    },
    {
      keys: ['exchangesPerCallee', 'exchanges'],
      wrong: exchangesPerCallee > exchanges,
      message: `limits.exchangesPerCallee (${exchangesPerCallee}) is more than limits.exchanges (${exchanges}): one slow module can take all places`,
      hint: 'raise limits.exchanges or lower limits.exchangesPerCallee',
    },
    {
      keys: ['bufferedBytesPerExchange', 'bufferedBytes'],
      wrong: 8 * bufferedBytesPerExchange > bufferedBytes,
      message: `limits.bufferedBytes (${bufferedBytes}) is less than eight times limits.bufferedBytesPerExchange (${bufferedBytesPerExchange}): a few slow exchanges of one caller use it up`,
      hint: 'raise limits.bufferedBytes',
    },
  ]
}

function besideOkapi({ exchanges, exchangesToModule }: Config['limits']): Misfit[] {
  return [
    {
      keys: ['exchangesToModule'],
      wrong: exchangesToModule > OKAPI_CONNECTIONS,
      message: `limits.exchangesToModule (${exchangesToModule}) is more than the ${OKAPI_CONNECTIONS} connections that Okapi has to one module: calls that wait for each other may use them all up`,
      hint: `lower it to ${OKAPI_CONNECTIONS}, or raise http_max_size_proxy of Okapi as well`,
    },
    {
      keys: ['exchanges', 'exchangesToModule'],
      wrong: exchanges < 2 * exchangesToModule,
      message: `limits.exchanges (${exchanges}) is less than twice limits.exchangesToModule (${exchangesToModule}): Okapi calls a module, and the auth filter, for each call`,
      hint: 'raise limits.exchanges',
    },
  ]
}

function besideModule({ exchangesToModule, exchangesPerCallee }: Config['limits']): Misfit[] {
  const needed = Math.ceil(exchangesPerCallee / OF_OKAPI)
  return [
    {
      keys: ['exchangesToModule'],
      wrong: exchangesToModule < needed,
      message: `limits.exchangesToModule (${exchangesToModule}) is less than ${needed}: Okapi’s sidecar lets ${exchangesPerCallee} calls through to one module (limits.exchangesPerCallee), which may have seven eighths of it`,
      hint: `raise it to ${needed}, or set a lower limits.exchangesPerCallee here and beside Okapi`,
    },
  ]
}

function ofTime({ drainTimeoutMs, responseHeadMs, idleMs }: Config['limits']): Misfit[] {
  return [
    {
      keys: ['drainTimeoutMs', 'responseHeadMs'],
      wrong: drainTimeoutMs < responseHeadMs,
      message: `limits.drainTimeoutMs (${drainTimeoutMs}) is less than limits.responseHeadMs (${responseHeadMs}): a sidecar that stops cuts calls that still have time`,
      hint: 'raise limits.drainTimeoutMs, and terminationGracePeriodSeconds with it',
    },
    {
      keys: ['idleMs'],
      wrong: idleMs <= OKAPI_IDLE_MS,
      message: `limits.idleMs (${idleMs}) is not more than the ${OKAPI_IDLE_MS} ms after which Okapi closes idle connections: a call may meet a connection that is being closed`,
      hint: 'set it to 75000',
    },
  ]
}
