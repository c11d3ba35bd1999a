import type { Deny } from './decision.ts'
import type { Route } from './routes.ts'
import { type Asked, deny } from './verdict.ts'
import { idOf } from './world.ts'

/**
 * The answer where a redirect is among the routes that may take a request: no, to everybody. Okapi
 * would ask for another path than the one that was judged (RoutingEntry.getRedirectUri), and which
 * module that ends at depends on the tenant.
 */
export function refuseRedirect(
  routes: readonly Route[],
  asked: Omit<Asked, 'path' | 'route'>,
): Deny | undefined {
  const route = routes.find(({ redirectPath }) => redirectPath !== undefined)
  if (route === undefined) return undefined
  const { module, pattern, redirectPath } = route
  const why = `${idOf(module)} redirects it to ${redirectPath}, and no redirect is followed here`
  return deny({ ...asked, path: pattern.text, route }, 'route-not-declared', why, {
    wouldAllow: `the call of ${redirectPath} itself, where that is allowed`,
  })
}
