import * as z from 'zod'
import { keyPin, moduleId, oneOrMore } from './fields.ts'

/** The section `pins`. */
export const pins = () =>
  z
    .strictObject({
      peers: z
        .record(z.string().min(1), z.enum(['module', 'product']))
        .default({})
        .meta({
          description: 'By product: must a peer prove the exact module id, or only the product?',
        }),
      keys: z.record(z.string().min(1), oneOrMore(keyPin())).default({}).meta({
        description: 'By module id or product: the public keys (sha256//BASE64) it may have',
      }),
      identities: z
        .record(
          z.string().startsWith('spiffe://'),
          moduleId().transform(({ id }) => id),
        )
        .default({})
        .meta({
          description:
            'Foreign SPIFFE ids (spiffe://.../ns/x/sa/y) and the module id each stands for',
        }),
    })
    .prefault({})
