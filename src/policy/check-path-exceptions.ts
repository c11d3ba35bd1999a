import type { Problem } from '../fault.ts'
import { isOkapi, productOf } from '../folio/module-id.ts'
import { overlap } from '../folio/pattern-states.ts'
import { meansAdministration } from './administration.ts'
import { idOf } from './descriptors.ts'
import type { PolicyModel } from './model.ts'
import type { PathException } from './path-exceptions.ts'
import { routesOf } from './routes.ts'

/**
 * Warns of exceptions that weaken the target guard for everything, and of those that allow nothing, which
 * are probably typing errors. An exception for one API of a module also applies at Okapi's ingress, so one
 * for all paths of a module weakens it for all modules.
 */
export function checkPathExceptions(
  model: PolicyModel,
  exceptions: readonly PathException[],
  problems: Problem[],
  own?: string,
): void {
  for (const exception of exceptions) {
    const { file, pointer } = exception
    const found =
      tooWide(exception) ?? (knowsAll(exception, own) ? useless(model, exception) : null)
    if (found !== null) problems.push({ severity: 'warning', ...found, where: { file, pointer } })
  }
}

/** A module's sidecar may have only its part of the descriptors. */
function knowsAll({ at }: PathException, own: string | undefined): boolean {
  return own === undefined || isOkapi(own) || [own, productOf(own)].includes(at)
}

interface Finding {
  readonly message: string
  readonly hint: string
}

function tooWide({ pattern, allow }: PathException): Finding | null {
  if (!/^\/?[*{]/.test(pattern.text)) return null
  return {
    message: `this allows ${allow.join(' ')} in the paths of every API, at Okapi too`,
    hint: 'begin the path with that of the one API that needs it, as /inventory/items/{id}',
  }
}

function useless({ set }: PolicyModel, { at, pattern }: PathException): Finding | null {
  const modules = [...set.modules.values()].filter((module) => {
    return isOkapi(at) || [idOf(module), productOf(idOf(module))].includes(at)
  })
  if (modules.length === 0 && !isOkapi(at)) {
    return {
      message: `no descriptor of ${at} is installed, so this allows nothing`,
      hint: 'at is okapi, a module id or a product',
    }
  }
  if (meansAdministration(pattern)) return null
  const isUsed = modules.some((module) =>
    routesOf(module).some(({ kind, pattern: { parts } }) => {
      // An auth filter is for every path, whether or not a module declares it.
      return kind !== 'filter' && overlap(parts, pattern.parts)
    }),
  )
  if (isUsed) return null
  return {
    message: `no route of ${isOkapi(at) ? 'an installed module' : at} matches ${pattern.text}, so this allows nothing`,
    hint: 'the path as in the ModuleDescriptor: {id} is one segment, * any number',
  }
}
