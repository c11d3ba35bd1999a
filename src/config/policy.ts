import * as z from 'zod'
import { dateField, why } from './fields.ts'

const DAY_MS = 24 * 60 * 60 * 1000

const name = () => z.string().min(1)

/**
 * What the descriptors do not say and a person answers for; opens one of `interface`, `methods` with
 * `path`, `admin`, `profile`, `tenants`, `cross`, `tokens`. The policy reads it again, with all that it knows.
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
      description:
        'Tenants that need a grant: supertenant, or those that policy.tenantsOf does not list',
    }),
    tokens: z
      .union([z.literal('any'), z.array(name()).min(1)])
      .optional()
      .meta({
        description:
          'For modules at okapi: the modules whose tokens it may send (it gets them by Kafka), or any',
      }),
    cross: z
      .strictObject({ from: z.array(name()).min(1), to: z.array(name()).min(1) })
      .optional()
      .meta({ description: 'Tokens of these tenants may be used for those' }),
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

const tenantsOf = () =>
  z.strictObject({
    caller: name().meta({
      description: 'Module id, product, operator/NAME, client/NAME, public or plain',
    }),
    tenants: z
      .union([z.enum(['all', 'serving']), z.array(name()).min(1)])
      .optional()
      .meta({ description: 'all, serving (those for which Okapi has called it), or a list' }),
    mode: z.enum(['off', 'report', 'enforce']).optional().meta({
      description: 'Instead of policy.tenants, for this caller',
    }),
    withoutToken: z.enum(['serving', 'any']).optional().meta({
      description: 'Instead of policy.withoutToken, for this caller',
    }),
    why: why(),
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
          'Decide Okapi’s calls by the true caller: off, report (logged and counted) or enforce',
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
      tenants: z.enum(['off', 'report', 'enforce']).default('enforce').meta({
        description: 'Header against token, calls without a token, and tenantsOf',
      }),
      tenantsOf: z.array(tenantsOf()).default([]).meta({
        description: 'For which tenants a caller may act; all, if nothing is set',
      }),
      withoutToken: z.enum(['serving', 'any']).default('serving').meta({
        description: 'For which tenants modules may call without a token; any: with several Okapis',
      }),
      consortia: name().optional().meta({
        description: 'File of consortia and of what may cross in them; without it nothing crosses',
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
