import { isOkapi } from '../../folio/module-id.ts'
import type { DescriptorSet } from '../../policy/descriptors.ts'

/**
 * The ids, sorted, of the modules that Okapi calls: those with a route or a filter. The UI's and most edge
 * modules have neither, and Okapi itself is not deployed.
 */
export function deployable({ modules }: DescriptorSet): readonly string[] {
  const ids = [...modules].flatMap(([id, { descriptor }]) => {
    const routes = descriptor.provides.some(({ handlers }) => handlers.length > 0)
    const called = routes || descriptor.filters.length > 0
    return called && !isOkapi(id) ? [id] : []
  })
  return ids.sort()
}
