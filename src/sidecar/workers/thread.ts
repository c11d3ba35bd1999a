import { parentPort } from 'node:worker_threads'
import { HandedCredentials } from '../../credentials/handed.ts'
import { Fault } from '../../fault.ts'
import type { KafkaRules } from '../../kafka/rules.ts'
import { directionsOf } from '../../listeners/all.ts'
import { createLog } from '../../observe/log.ts'
import { Metrics } from '../../observe/metrics.ts'
import { SharedTallies } from '../../observe/tallies.ts'
import type { Policy } from '../../policy/policy.ts'
import { SharedPath } from '../../proxy/shared-path.ts'
import { CoarseClock } from '../../transport/clock.ts'
import { expectedOf } from '../authentication.ts'
import { policyFrom } from '../policy-material.ts'
import { Serving } from '../serving.ts'
import type { Asks, HandedPolicy, Look, Opened, Said, Start, WorkerQuestion } from './messages.ts'
import { RemoteAudit } from './remote-audit.ts'

/**
 * One of several serving threads. It reads no files, watches nothing and writes nowhere: it gets its
 * configuration from the main thread and sends its reports there. An uncaught error ends it, and then
 * the main thread ends the process.
 */
class Thread {
  readonly #config: Start['config']
  readonly #metrics: Metrics
  readonly #credentials: HandedCredentials
  readonly #policies: { current: Policy; kafka: KafkaRules }
  readonly #serving: Serving
  readonly #audit: RemoteAudit | undefined

  constructor(start: Start) {
    const { config, sharing, cells, credentials, policy, publicPair, brought } = start
    this.#config = config
    const { level } = config.log
    const log = createLog({ level, destination: { write, flush: async () => {} } })
    const clock = new CoarseClock()
    const metrics = new Metrics(directionsOf(config), new SharedTallies([cells]))
    this.#metrics = metrics
    this.#credentials = new HandedCredentials(expectedOf(config), credentials)
    this.#policies = compiled(config, policy)
    const okapiPath = new SharedPath(start.okapiPath)
    const sources = { credentials: this.#credentials, policies: this.#policies, okapiPath }
    const auditing = config.audit && new RemoteAudit(config.audit, (entry) => say({ entry }))
    this.#audit = auditing
    const memory = { tokenMemory: start.tokenMemory, exchanges: start.exchanges, brought }
    this.#serving = new Serving({
      config,
      log,
      clock,
      metrics,
      sharing,
      ...memory,
      ...sources,
      auditing,
    })
    if (publicPair !== undefined) this.#serving.showPublic(publicPair)
  }

  async open(): Promise<Opened> {
    const listening = await this.#serving.open()
    return { listening, otherLoopback: this.#serving.otherLoopback }
  }

  serve(): null {
    this.#serving.serve()
    return null
  }

  credentials(handed: Asks['credentials'][0]): null {
    this.#credentials.take(handed)
    return null
  }

  policy(handed: HandedPolicy): null {
    Object.assign(this.#policies, compiled(this.#config, handed))
    this.#serving.policyChanged()
    return null
  }

  showPublic(pair: Asks['showPublic'][0]): null {
    this.#serving.showPublic(pair)
    return null
  }

  look(nowMs: number): Look {
    const { connections, stale, bufferedBytes, running, history, open, concurrency } =
      this.#serving.seen
    const { refusals, peers, overShare } = history
    return {
      connections,
      exchanges: this.#metrics.exchanges,
      open: Object.fromEntries(
        directionsOf(this.#config).map((listener) => [listener, open(listener)]),
      ),
      stale,
      bufferedBytes,
      running,
      concurrency,
      refusals,
      peers,
      overShare,
      slices: history.slices(nowMs),
    }
  }

  audited(entries: Asks['audited'][0]): null {
    this.#audit?.told(entries)
    return null
  }

  leave(): null {
    this.#serving.leave()
    return null
  }

  drain(): Promise<boolean> {
    return this.#serving.drain()
  }
}

/** The policy of the main thread, compiled again: a different result would be a bug. */
function compiled(
  config: Start['config'],
  { material, hash }: HandedPolicy,
): { current: Policy; kafka: KafkaRules } {
  const { policy, kafka } = policyFrom(material, config)
  if (policy.hash !== hash) throw new Error(`the policy is ${policy.hash} here, not ${hash}`)
  return { current: policy, kafka }
}

function write(lines: string | Uint8Array): void {
  // A view would copy the whole buffer behind it to the other thread.
  say({ lines: typeof lines === 'string' ? lines : new Uint8Array(lines) })
}

function say(said: Said): void {
  parentPort?.postMessage(said)
}

let thread: Thread | undefined

async function answer({ ask, what }: WorkerQuestion): Promise<unknown> {
  if (ask === 'open') {
    thread = new Thread(what as Start)
    return thread.open()
  }
  if (thread === undefined) throw new Error(`asked to ${ask} before it was opened`)
  switch (ask) {
    case 'serve':
      return thread.serve()
    case 'credentials':
      return thread.credentials(what as Asks['credentials'][0])
    case 'policy':
      return thread.policy(what as HandedPolicy)
    case 'showPublic':
      return thread.showPublic(what as Asks['showPublic'][0])
    case 'look':
      return thread.look(what as number)
    case 'audited':
      return thread.audited(what as Asks['audited'][0])
    case 'leave':
      return thread.leave()
    case 'drain':
      return thread.drain()
  }
}

parentPort?.on('message', (asked: WorkerQuestion) => {
  const { id } = asked
  answer(asked).then(
    (value) => say({ id, value }),
    (error: unknown) => {
      // An unavailable address is for the operator to fix; everything else is a bug.
      if (asked.ask !== 'open' || !(error instanceof Fault)) throw error
      say({ id, problems: error.problems })
    },
  )
})
