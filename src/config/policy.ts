import * as z from 'zod'
import { instant, why } from './fields.ts'

const name = () => z.string().min(1)

/** One grant: what the descriptors do not say and a person answers for. */
export const grant = z.strictObject({
  caller: name().meta({
    description: 'Module id, product, operator/NAME, client/NAME or public',
  }),
  at: name().meta({ description: 'okapi, a product or a module id: whose ingress opens' }),
  interface: name().optional().meta({ description: 'An interface id, whole' }),
  methods: z
    .array(z.string().regex(/^([A-Z]+|\*)$/))
    .min(1)
    .optional(),
  path: z.string().startsWith('/').optional().meta({ description: 'A path pattern of Okapi' }),
  tenant: name().optional().meta({ description: 'Only for this tenant; supertenant opens that' }),
  why: why(),
  until: instant().optional().meta({ description: 'From this day on the grant is void' }),
})

/** A grant as it is used: `until` in milliseconds since 1970. */
export type Grant = Readonly<z.output<typeof grant>>

const pathException = z.strictObject({
  at: name(),
  path: z.string().startsWith('/'),
  allow: z.array(z.enum(['%2f', '%5c', '%3b', '%23', '%25', ';', '//'])).min(1),
  why: why(),
})

const quarantine = z.strictObject({
  module: name().meta({ description: 'As `mod-graphql <1.14`' }),
  why: why(),
  after: instant().meta({ description: 'A warning before, refused from then on' }),
})

/** The section `policy`. What the names in it stand for is checked where descriptors are known. */
export const policy = z
  .strictObject({
    descriptors: name().default('/etc/sidecar/descriptors').meta({
      description: 'Folder of ModuleDescriptors (*.json), or one packed file',
    }),
    mode: z.enum(['enforce', 'report']).default('enforce'),
    report: z.array(name()).default([]).meta({
      description: 'Interfaces in report mode while all others are enforced',
    }),
    grants: z
      .union([name().transform((file) => [file]), z.array(z.union([grant, name()]))])
      .default([])
      .meta({ description: 'Grants, or files with a list of them' }),
    knownGrants: z.array(name()).default([]).meta({
      description: 'Products whose entries in the shipped grants/known.yaml apply',
    }),
    quarantine: z.array(quarantine).default([]),
    pathExceptions: z.array(pathException).default([]),
    sensitivity: z
      .record(name(), z.enum(['regular', 'low', 'high']))
      .default({})
      .meta({
        description: 'By interface id',
      }),
  })
  .prefault({})
