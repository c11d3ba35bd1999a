import * as z from 'zod'
import { audit } from './audit.ts'
import { databases } from './database.ts'
import {
  addressing,
  forward,
  listen,
  moduleId,
  momentField,
  ms,
  network,
  peer,
  pin,
  portRange,
  publicUrl,
  trustDomainField,
  unixSocket,
  why,
} from './fields.ts'
import { kafka } from './kafka.ts'
import { limits } from './limits.ts'
import { pins } from './pins.ts'
import { policy } from './policy.ts'

const path = () => z.string().min(1)

const credentials = () =>
  z
    .strictObject({
      directory: path().default('/certs').meta({
        description: 'Folder with tls.crt, tls.key, ca.crt and, optionally, ca.crl',
      }),
      spiffe: z
        .strictObject({
          socket: unixSocket().meta({
            description: 'The agent’s socket: unix:///run/spire/agent.sock',
          }),
        })
        .optional()
        .meta({ description: 'The SPIFFE Workload API, instead of the folder' }),
    })
    .prefault({})

const ingress = () =>
  z
    .strictObject({
      listen: listen().prefault('0.0.0.0:8443'),
      forward: forward()
        .prefault('http://127.0.0.1:8081')
        .meta({ description: 'The module, plain: loopback or unix:/path' }),
    })
    .meta({ description: 'Mutual TLS in, plain to the module' })

const modules = () =>
  z
    .strictObject({
      listen: portRange().prefault('127.0.0.1:20000-20199').meta({
        description: 'A port for each module: HOST:PORT-PORT',
      }),
      address: addressing()
        .prefault('https://{product}:8443')
        .meta({ description: 'Template with {module} {product} {version}, or a table of them' }),
    })
    .meta({ description: 'Beside Okapi: from Okapi to the modules' })

const egress = () =>
  z
    .strictObject({
      listen: listen().optional().meta({
        description:
          'What OKAPI_URL points at: 127.0.0.1:9130; no default beside Okapi, which owns it',
      }),
      url: publicUrl()
        .optional()
        .meta({
          description:
            'What X-Okapi-Url is rewritten to; http://localhost:PORT of egress.listen. Where okapiurl has ' +
            'a path, the same path: http://localhost:9130/okapi',
        }),
      gateway: peer().optional().meta({
        description: 'Okapi’s sidecar: https://okapi:8443; no default beside Okapi',
      }),
      gatewayModule: pin()
        .prefault('okapi')
        .meta({ description: 'What the peer there must prove' }),
      modules: modules().optional(),
    })
    .meta({ description: 'Plain from the module, mutual TLS out' })

const publicListener = () =>
  z
    .strictObject({
      listen: listen(),
      credentials: z.strictObject({
        directory: path().meta({ description: 'tls.crt and tls.key that browsers trust' }),
      }),
    })
    .meta({ description: 'TLS without client certificates, for Stripes and load balancers' })

const migration = () =>
  z
    .strictObject({
      listen: listen().meta({ description: 'Plain HTTP/1.1, for peers that have no sidecar yet' }),
      from: z.array(network()).min(1).meta({
        description: 'Who may connect: addresses and networks (10.1.2.3, 10.1.2.0/24), no names',
      }),
      until: momentField().meta({
        description: 'Refused from then on; a day counts from its first moment, UTC',
      }),
      why: why(),
    })
    .meta({
      description:
        'The listener for callers without a sidecar: only during a migration, only for ordinary declared routes',
    })

/**
 * The configuration file as it is written; the only source of keys, defaults and descriptions. Made
 * for one reading: kept, it would be more than a megabyte for as long as a sidecar runs.
 */
export const fileSchema = () =>
  z
    .strictObject({
      module: moduleId().meta({
        description: 'The module that this sidecar serves, as mod-users-19.7.0',
      }),
      trustDomain: trustDomainField(),
      credentials: credentials(),
      ingress: ingress().optional(),
      egress: egress().optional(),
      public: publicListener().optional(),
      migration: migration().optional(),
      postgres: databases().optional(),
      kafka: kafka().optional(),
      policy: policy(),
      pins: pins(),
      link: z.boolean().default(true).meta({
        description:
          'Many exchanges over few connections between two sidecars that both want it; HTTP/1.1 with everyone else',
      }),
      admin: z
        .strictObject({
          listen: listen().prefault('0.0.0.0:9901'),
          healthPath: z
            .string()
            .regex(/^\/[!-"$-~]*$/)
            .optional()
            .meta({ description: 'What /app/health asks the module: /admin/health' }),
        })
        .prefault({}),
      status: z.strictObject({ listen: listen().prefault('127.0.0.1:9902') }).prefault({}),
      log: z
        .strictObject({
          level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
          access: z.boolean().default(true).meta({ description: 'One line for each exchange' }),
        })
        .prefault({}),
      audit: audit().optional(),
      workers: z.int().min(1).max(64).default(1).meta({
        description:
          'Threads that serve on the same ports, by one policy and one generation; Linux',
      }),
      limits: limits(),
      drain: z
        .strictObject({
          delayMs: ms(0, 0).meta({
            description: 'Milliseconds from not ready to closed listeners',
          }),
        })
        .prefault({}),
      allowPlainBeyondLoopback: why().optional().meta({
        description: 'Why plain HTTP may leave loopback here; shows in log and status',
      }),
    })
    .meta({ title: 'okapi-sidecar' })

/** What `fileSchema` makes. */
export type FileSchema = ReturnType<typeof fileSchema>

/** The published JSON Schema of the file (draft 2020-12), ending in a line feed. */
export function jsonSchema(): string {
  const schema = z.toJSONSchema(fileSchema(), { io: 'input', target: 'draft-2020-12' })
  return `${JSON.stringify(schema, null, 2)}\n`
}
