import * as z from 'zod'
import { databaseLimits } from './database.ts'
import { count, ms } from './fields.ts'
import { kafkaLimits } from './kafka.ts'

const adaptive = () =>
  z
    .strictObject({
      tolerance: z.number().min(0).max(100).default(0).meta({
        description:
          'Let only as many calls wait in the module as it answers in this many times its usual time, such as 2; 0: off',
      }),
      min: count(16, 100_000).meta({
        description: 'This many calls may always wait in the module, however slow it is',
      }),
    })
    .prefault({})
    .meta({ description: 'A limit that follows the latency of the module beside this sidecar' })

/** The section `limits`: every key with its default. */
export const limits = () =>
  z
    .strictObject({
      requestLineBytes: count(16_384),
      headerBytes: count(65_536),
      headerCount: count(200, 1000),
      handshakeMs: ms(5_000),
      handshakesPerSecond: z
        .int()
        .min(0)
        .max(2 ** 31 - 1)
        .default(128)
        .meta({
          description:
            'Connections that one caller may open per second, and failed or refused handshakes of one address; 0: unlimited',
        }),
      recordOverheadBytesPerSecond: z
        .int()
        .min(0)
        .max(2 ** 31 - 1)
        .default(1024)
        .meta({
          description:
            'Bytes of TLS records without data that a TLS connection may bring per second; 0: unlimited',
        }),
      headMs: ms(10_000),
      bodyIdleMs: ms(60_000),
      bodyBytesPerSecond: z
        .int()
        .min(0)
        .max(2 ** 31 - 1)
        .default(100)
        .meta({ description: 'The minimum rate of a request’s body; 0: no minimum' }),
      bodyRateWindowMs: ms(60_000).meta({
        description: 'Milliseconds over which bodyBytesPerSecond is averaged',
      }),
      callerReadIdleMs: ms(300_000, 0).meta({
        description:
          'Milliseconds in which a caller reads nothing of an answer that waits for it; 0: unlimited',
      }),
      idleMs: ms(75_000),
      halfCloseMs: ms(10_000).meta({
        description:
          'Milliseconds that a caller is kept after it has ended its side, while there is nothing to send to it',
      }),
      calleeReadIdleMs: ms(300_000, 0).meta({
        description:
          'Milliseconds in which a called module reads nothing of a request that waits for it; 0: unlimited',
      }),
      connectMs: ms(5_000),
      connectWaitMs: ms(30_000, 0),
      responseHeadMs: ms(0, 0).meta({ description: 'Milliseconds; 0: unlimited, as Okapi waits' }),
      responseIdleMs: ms(300_000, 0).meta({
        description:
          'Milliseconds in which nothing more comes of an answer that has begun; 0: unlimited',
      }),
      connections: count(4_096),
      pendingConnections: count(512),
      connectionsPerPeer: count(2_048),
      exchanges: count(4_096),
      exchangesToModule: z
        .int()
        .min(1)
        .max(2 ** 31 - 1)
        .optional()
        .meta({
          description:
            'Calls from outside that may be open to the module beside this sidecar: 1280; beside Okapi 1000',
        }),
      exchangesPerCallee: count(512),
      adaptive: adaptive(),
      turnMs: z.number().min(0).max(1000).default(0).meta({
        description:
          'When this sidecar has no CPU left: accept only as many calls in one turn of its event loop as take this many milliseconds, such as 2; 0: off',
      }),
      refusalsPerSecond: z
        .int()
        .min(0)
        .max(2 ** 31 - 1)
        .default(2_000)
        .meta({
          description:
            'Requests over HTTP/1.1 that one thread refuses per second; more of them wait for their turn; 0: unlimited',
        }),
      brokenOffPerSecond: z
        .int()
        .min(0)
        .max(2 ** 31 - 1)
        .default(128)
        .meta({
          description:
            'Exchanges that one caller may break off per second, each of which costs the module a connection; 0: unlimited',
        }),
      bufferedBytesPerExchange: count(65_536),
      bufferedBytes: count(16_777_216).meta({
        description:
          'Bytes of requests and answers that may be buffered for all callers together; a caller has its share of them',
      }),
      drainTimeoutMs: ms(25_000),
      connectionMaxAgeMs: ms(3_600_000),
      ...databaseLimits(),
      kafka: kafkaLimits(),
    })
    .prefault({})
