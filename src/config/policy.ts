import * as z from 'zod'
import { dateField, why } from './fields.ts'

const name = () => z.string().min(1)

/**
 * What the descriptors do not say and a person answers for; opens one of `interface`, `methods` with
 * `path`, `admin`, `profile`, `tenants`. The policy reads it again, with all that it knows.
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
      grants: z
        .union([name().transform((file) => [file]), z.array(z.union([grant(), name()]))])
        .default([])
        .meta({ description: 'Grants, or files with a list of them' }),
      knownGrants: z.array(name()).default([]).meta({
        description:
          'Products and sets (supertenant) whose entries in the shipped grants/known.yaml apply',
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
