import * as z from 'zod'
import { dateField, why } from './fields.ts'

const DAY_MS = 24 * 60 * 60 * 1000

const name = () => z.string().min(1)

/**
 * What the descriptors do not say and a person answers for; opens one of `interface`, `methods` with
 * `path`, `admin`, `profile`, `tenants`, `tokens`. The policy reads it again, with all that it knows.
 */
const grant = () =>
  z.strictObject({
    caller: name().meta({
      description: 'Module id, product, operator/NAME, client/NAME or public',
    }),
    at: name().meta({ description: 'okapi, a product or a module id: whose ingress opens' }),
    interface: name().optional().meta({ description: 'An interface id, whatever its version' }),
    methods: z
      .array(z.string().regex(/^([A-Z]+|\*)$/))
      .min(1)
      .optional(),
    path: z.string().startsWith('/').optional().meta({ description: 'A path pattern of Okapi' }),
    admin: z.array(name()).min(1).optional().meta({
      description: 'Groups of Okapi’s administration; for operators',
    }),
    profile: z.enum(['bootstrap', 'daily', 'read-only']).optional().meta({
      description: 'For operators, instead of admin: bootstrap (needs until), daily or read-only',
    }),
    tenants: z.array(name()).min(1).optional().meta({
      description: 'Tenants that need a word: supertenant',
    }),
    tokens: z
      .union([z.literal('any'), z.array(name()).min(1)])
      .optional()
      .meta({
        description:
          'For modules at okapi: the modules whose tokens it may send (it gets them by Kafka), or any',
      }),
    why: why(),
    until: dateField().optional().meta({ description: 'The last day of the grant' }),
    source: name().optional().meta({ description: 'Where it is known from' }),
  })

const pathException = () =>
  z.strictObject({
    at: name(),
    path: z.string().startsWith('/').meta({ description: 'A path pattern of Okapi' }),
    allow: z.array(z.enum(['%2f', '%5c', '%3b', '%23', '%3f', '%25', ';', '//'])).min(1),
    why: why(),
  })

const quarantine = () =>
  z.strictObject({
    module: name().meta({ description: 'As `mod-graphql <1.14`' }),
    why: why(),
    after: dateField().optional().meta({ description: 'A warning before, refused from then on' }),
  })

/** The section `policy`. What the names in it stand for is checked where descriptors are known. */
export const policy = () =>
  z
    .strictObject({
      descriptors: name().default('/etc/sidecar/descriptors').meta({
        description: 'Folder of ModuleDescriptors (*.json), or one packed file',
      }),
      mode: z.enum(['enforce', 'report']).default('enforce'),
      report: z.array(name()).default([]).meta({
        description: 'Interfaces in report mode while all others are enforced',
      }),
      caller: z.enum(['off', 'report', 'enforce']).default('off').meta({
        description:
          'Judge what Okapi asks by the caller behind it: off, report (logged and counted) or enforce',
      }),
      grants: z
        .union([name().transform((file) => [file]), z.array(z.union([grant(), name()]))])
        .default([])
        .meta({ description: 'Grants, or files with a list of them' }),
      knownGrants: z.array(name()).default([]).meta({
        description:
          'Products and sets (supertenant) whose entries in the shipped grants/known.yaml apply',
      }),
      tokens: z.enum(['off', 'report', 'enforce']).default('off').meta({
        description: 'May a module send only tokens that Okapi has sent to it?',
      }),
      tokenSeenMs: z
        .int()
        .min(60_000)
        .max(30 * DAY_MS)
        .default(DAY_MS)
        .meta({
          description: 'How long a token may be sent after Okapi has sent it last',
        }),
      tokenGraceMs: z
        .int()
        .min(0)
        .max(30 * DAY_MS)
        .default(3_600_000)
        .meta({
          description: 'How long after a start `tokens: enforce` only reports',
        }),
      tokensPerModule: z.int().min(256).max(1_048_576).default(16_384).meta({
        description: 'How many tokens of a module are remembered for certain; 24 bytes each',
      }),
      quarantine: z.array(quarantine()).default([]),
      pathExceptions: z.array(pathException()).default([]),
      sensitivity: z
        .record(name(), z.enum(['regular', 'low', 'high']))
        .default({})
        .meta({
          description: 'By interface id',
        }),
    })
    .prefault({})
