import { existsSync, readFileSync } from 'node:fs'
import { until } from './patience.ts'
import { typed } from './typed.ts'

/** A line of the audit trail. */
export type TrailLine = Readonly<Record<string, unknown>> & {
  readonly seq: number
  readonly kind: string
  readonly hash: string
}

/** The complete lines of a trail that is being written. */
export function entriesOf(file: string): TrailLine[] {
  if (!existsSync(file)) return []
  const text = readFileSync(file, 'latin1')
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  // A line that was cut by a kill is for `verify` to judge.
  return whole.split('\n').flatMap((line) => (line.endsWith('"}') ? [JSON.parse(line)] : []))
}

/** Waits for an entry with these fields; resolves to the first of them. */
export async function entryWith(
  file: string,
  fields: Readonly<Record<string, unknown>>,
): Promise<TrailLine> {
  let found: TrailLine | undefined
  await until(() => {
    found = entriesOf(file).find((entry) =>
      Object.entries(fields).every(([name, value]) => entry[name] === value),
    )
    return found !== undefined
  })
  return found!
}

/** Says what `audit verify` says of these files. */
export const verifyTrail = (...argv: readonly string[]) => typed(['audit', 'verify', ...argv])
