import type { ApiVersion } from './apis/api.ts'
import type { Brokers, NamedBroker } from './brokers.ts'
import { KAFKA_ERRORS } from './errors.ts'
import { listOf } from './judged.ts'
import type { MessageValues } from './message.ts'

/** Produce names brokers from this version on (KIP-951). */
const PRODUCE_NAMES_BROKERS = 10

/** May an answer of this API say where brokers are? */
export function namesBrokers({ api, version }: ApiVersion): boolean {
  if (api.name === 'Produce') return version >= PRODUCE_NAMES_BROKERS
  return ['Metadata', 'FindCoordinator', 'DescribeCluster'].includes(api.name)
}

/** The brokers that an answer names. */
export function brokersIn(answer: MessageValues): readonly NamedBroker[] {
  return [...named(answer)].filter(({ host }) => host !== '') as unknown as NamedBroker[]
}

/** Replaces brokers by our own listeners; brokers without one are left out. */
export function withLocalBrokers(answer: MessageValues, brokers: Brokers): MessageValues {
  const local = (broker: MessageValues): MessageValues | undefined => {
    const found = brokers.localOf(broker['nodeId'] as number)
    return found && { ...broker, host: found.host, port: found.port }
  }
  const coordinator = (broker: MessageValues): MessageValues => {
    if (broker['host'] === '') return broker
    const error = KAFKA_ERRORS.coordinatorNotAvailable
    return local(broker) ?? { ...broker, nodeId: -1, host: '', port: -1, error }
  }
  const changed = 'host' in answer ? coordinator(answer) : { ...answer }
  if ('nodes' in answer) {
    changed['nodes'] = listOf(answer, 'nodes').flatMap((each) => local(each) ?? [])
  }
  if ('coordinators' in answer) {
    changed['coordinators'] = listOf(answer, 'coordinators').map(coordinator)
  }
  return changed
}

function* named(answer: MessageValues): Generator<MessageValues> {
  if ('host' in answer) yield answer
  if ('nodes' in answer) yield* listOf(answer, 'nodes')
  if ('coordinators' in answer) yield* listOf(answer, 'coordinators')
}
