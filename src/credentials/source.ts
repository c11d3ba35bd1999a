/** One piece of trust material as it was found. */
export interface RawFile {
  readonly bytes: Buffer
  /** Where it was read, for messages. */
  readonly path: string
  /** `st_mode`, where it is a file. */
  readonly mode?: number
}

/** Everything of one generation, read together and not yet believed. */
export interface RawMaterial {
  /** PEM, one private key. */
  readonly key: RawFile
  /** PEM, leaf first, then the intermediates that we present. */
  readonly cert: RawFile
  /** PEM, the trust bundle. */
  readonly ca: RawFile
  /** PEM, any number of revocation lists; absent: revocation is not checked. */
  readonly crl?: RawFile
}

/** Where trust material comes from: a directory now, the SPIFFE Workload API later. */
export interface CredentialSource {
  /** For logs: `/certs`. */
  readonly description: string
  /** Reads everything once. Throws a Fault that names what could not be read. */
  read(): Promise<RawMaterial>
  /** Calls back whenever something may have changed; false alarms are fine. Returns the stop. */
  watch(onChange: () => void): () => void
}
