import type { Problem } from '../fault.ts'
import { isCompatible } from '../folio/interface-version.ts'
import { isOkapi } from '../folio/module-id.ts'
import { type DescriptorSet, type InstalledModule, idOf } from '../policy/descriptors.ts'

/**
 * Interfaces that modules require in a version that is not installed while another version is: such calls are
 * refused with `interface-version-mismatch`. Found before the first call after an upgrade. An interface without
 * any provider may be intended, and is not reported. `own`: whose sidecar this is; Okapi's decides for all.
 */
export function unmetRequirements({ modules }: DescriptorSet, own: string): readonly Problem[] {
  const all = [...modules.values()]
  return all
    .filter((module) => isOkapi(own) || idOf(module) === own)
    .flatMap((module) => ofModule(module, all))
}

function ofModule(module: InstalledModule, all: readonly InstalledModule[]): Problem[] {
  const { requires, optional } = module.descriptor
  const asked = [...requires.map((one) => ({ ...one, how: 'requires' })), ...optionals(optional)]
  return asked.flatMap(({ id, version, how }): Problem[] => {
    const offers = all.flatMap((provider) =>
      provider.descriptor.provides
        .filter((provided) => provided.id === id)
        .map((provided) => ({ at: provided.version, by: idOf(provider) })),
    )
    if (offers.length === 0 || offers.some(({ at }) => isCompatible(at, version))) return []
    const installed = offers.map(({ at, by }) => `${at} of ${by}`).join(', ')
    const message = `${idOf(module)} ${how} \`${id}\` ${version}, and only ${installed} is installed: its calls will be refused`
    const hint = `install versions that fit, or grant it: {caller: ${module.descriptor.id.product}, at: okapi, interface: ${id}, why}`
    return [{ severity: 'warning', message, hint }]
  })
}

function optionals(optional: InstalledModule['descriptor']['optional']) {
  return optional.map((one) => ({ ...one, how: 'lists as optional' }))
}
