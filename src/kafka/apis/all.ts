import { ADMINISTRATION_APIS } from './administration.ts'
import { ApiTable } from './api.ts'
import { CLUSTER_APIS } from './cluster.ts'
import { GROUP_APIS } from './groups.ts'
import { RECORD_APIS } from './records.ts'
import { TRANSACTION_APIS } from './transactions.ts'

/**
 * Everything of Kafka's protocol that is understood here, from the protocol guide (kafka.apache.org/protocol):
 * what clients from kafka-clients 3.x on and brokers from 3.6 on have in common.
 */
export const APIS = new ApiTable([
  ...RECORD_APIS,
  ...CLUSTER_APIS,
  ...GROUP_APIS,
  ...TRANSACTION_APIS,
  ...ADMINISTRATION_APIS,
])
