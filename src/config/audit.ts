import { dirname } from 'node:path'
import * as z from 'zod'
import { isOpenToAll, writableByOthers } from '../fault/guard.ts'
import type { Problem } from '../fault.ts'

/** The section `audit`. */
export const audit = () =>
  z
    .strictObject({
      to: z.string().min(1).meta({
        description: 'A file, whose folder exists, or stdout: between the lines of the log',
      }),
      whenUnwritable: z.enum(['block', 'count']).default('block').meta({
        description:
          'While entries cannot be written: block refuses the exchanges that they are about; count lets them pass and counts what is missing',
      }),
    })
    .meta({
      description:
        'The audit trail: highly sensitive interfaces, grants, administration, policy and credentials, as a hash chain',
    })

/** Where the audit trail goes, and what happens where it cannot. */
export interface AuditSettings {
  readonly to: 'stdout' | { readonly file: string }
  readonly whenUnwritable: 'block' | 'count'
}

/** @param absolute what makes the path of a file absolute */
export function auditOf(
  { to, whenUnwritable }: z.output<ReturnType<typeof audit>>,
  absolute: (path: string) => string,
): AuditSettings {
  return { to: to === 'stdout' ? to : { file: absolute(to) }, whenUnwritable }
}

/**
 * Others with write access can rewrite the trail. A log folder is often shared with log collectors,
 * so this is a warning and not an error as for trust files.
 */
export function auditWarnings({ to }: AuditSettings): Problem[] {
  if (to === 'stdout') return []
  const folder = dirname(to.file)
  const message = 'others may put another file in the place of the audit trail here'
  const hint = 'chmod o-w the folder'
  const ofFolder: Problem[] = isOpenToAll(folder)
    ? [{ severity: 'warning', message, where: { file: folder }, hint }]
    : []
  const ofFile = writableByOthers(to.file).filter(({ where }) => where?.file === to.file)
  return [...ofFolder, ...ofFile.map((problem) => ({ ...problem, severity: 'warning' as const }))]
}
