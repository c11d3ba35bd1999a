import type { Refusal } from '../refusal/refusal.ts'

/** Error codes of Kafka's protocol that are said here (protocol guide, "Error Codes"). */
export const KAFKA_ERRORS = {
  coordinatorNotAvailable: 15,
  topicAuthorizationFailed: 29,
  groupAuthorizationFailed: 30,
  clusterAuthorizationFailed: 31,
  unsupportedVersion: 35,
  transactionalIdAuthorizationFailed: 53,
  operationNotAttempted: 55,
  fetchSessionIdNotFound: 70,
} as const

/** Thrown for a request that is not allowed if no answer could say so: the connection ends. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused'
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal.because)
    this.refusal = refusal
  }
}
