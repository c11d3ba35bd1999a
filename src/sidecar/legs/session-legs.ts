import type { BoundAddresses } from '../listeners.ts'
import type { Databases } from './databases.ts'
import type { KafkaLeg, KafkaLegOptions } from './kafka.ts'

/** The legs that carry sessions instead of calls. Their code is loaded only where they are configured. */
export class SessionLegs {
  readonly #options: KafkaLegOptions
  #databases: Databases | undefined
  #kafka: KafkaLeg | undefined
  #destroyed = false

  constructor(options: KafkaLegOptions) {
    this.#options = options
  }

  /** Number of open database sessions. */
  get databaseSessions(): number {
    return this.#databases?.size ?? 0
  }

  /** Number of open connections of Kafka clients. */
  get kafkaConnections(): number {
    return this.#kafka?.size ?? 0
  }

  /** Bytes of frames held in memory. */
  get heldBytes(): number {
    return this.#kafka?.heldBytes ?? 0
  }

  /** Binds every listener. Throws a Fault if an address is not available or a trust file is invalid. */
  async open(): Promise<BoundAddresses> {
    const { config } = this.#options
    const bound: BoundAddresses = {}
    if (config.postgres.length > 0) {
      const { Databases } = await import('./databases.ts')
      if (this.#destroyed) return bound
      this.#databases = new Databases(this.#options)
      Object.assign(bound, await this.#databases.open())
    }
    if (config.kafka !== undefined) {
      const { KafkaLeg } = await import('./kafka.ts')
      if (this.#destroyed) return bound
      this.#kafka = new KafkaLeg(this.#options)
      Object.assign(bound, await this.#kafka.open())
    }
    return bound
  }

  serve(): void {
    this.#databases?.serve()
    this.#kafka?.serve()
  }

  async drain(): Promise<void> {
    await Promise.all([this.#databases?.drain(), this.#kafka?.drain()])
  }

  destroy(): void {
    this.#destroyed = true
    this.#databases?.destroy()
    this.#kafka?.destroy()
  }
}
