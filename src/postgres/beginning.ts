import type { Socket } from 'node:net'
import type { Dialling } from '../transport/dial-options.ts'

/** A client that has no session yet. */
export class Beginning {
  readonly client: Socket
  deadline: number
  dialling: Dialling | undefined
  /** The client was told why there is no session. */
  over = false

  constructor(client: Socket, deadline: number) {
    this.client = client
    this.deadline = deadline
  }
}
