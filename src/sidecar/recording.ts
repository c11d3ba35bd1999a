import type { Config } from '../config/config.ts'
import type { AccessLog } from '../observe/access.ts'
import { type RecordOptions, recorder } from '../proxy/record.ts'
import type { RequestContext } from '../proxy/request-context.ts'
import type { Exchange } from '../wire/exchange.ts'

/** Is there anything that goes into the access log? */
export function keepsAccess({ log, migration }: Config): boolean {
  return log.access || migration !== undefined
}

/** The recorder of every exchange. Those of the migration listener are logged even where no other is. */
export function recording(
  config: Config,
  access: AccessLog | null,
  kept: Omit<RecordOptions, 'access'>,
): (x: Exchange<RequestContext>) => void {
  const all = recorder({ ...kept, access })
  if (config.log.access) return all
  const silent = recorder({ ...kept, access: null })
  return (x) => (x.context.direction === 'plain' ? all(x) : silent(x))
}
