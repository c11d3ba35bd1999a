import { fault } from '../../fault.ts'
import { productOf, splitModuleId } from '../../folio/module-id.ts'
import { type DescriptorSet, nearestModule } from '../../policy/descriptors.ts'

/**
 * The full id of an installed module that a person named: by its id, or by a product of which one
 * version is installed. Throws a Fault that begins with `option`.
 */
export function resolveModule(option: string, name: string, { modules }: DescriptorSet): string {
  if (modules.has(name)) return name
  const ids = [...modules.keys()]
  const versions = splitModuleId(name).version === undefined ? ids.filter(isOf(name)) : []
  const [only, more] = versions
  if (only !== undefined && more === undefined) return only
  if (more !== undefined) {
    const hint = `one of ${versions.join(', ')}`
    throw fault(`${option} ${name}: there is more than one`, { hint })
  }
  const nearest = nearestModule(name, [...ids, ...ids.map(productOf)])
  throw fault(`${option} ${name}: it is not installed`, {
    hint: nearest === null ? 'a product or a full module id' : `did you mean ${nearest}?`,
  })
}

const isOf = (product: string) => (id: string) => productOf(id) === product
