import { honest, request } from '../http.ts'
import { linkedCall } from '../link/linked-call.ts'

export const linkTwoTenants = linkedCall({
  id: 'link-two-tenants',
  title: 'two tenants in an exchange',
  meaning: 'One reader takes the first tenant, another the last.',
  remedy: 'Hold heads that come in frames to the same rules as all others.',
  message: (context) => {
    const lines = [...honest(context), ['X-Okapi-Tenant', 'other'] as const]
    return { head: request({ target: context.ordinaryPath, lines }) }
  },
})
