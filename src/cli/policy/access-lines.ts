import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { type Crossed, type LoggedExchange, UsageLog } from '../../analysis/usage.ts'
import { wideEncoding } from '../../fault/text-file.ts'
import { errorCode, fault } from '../../fault.ts'
import { METHODS } from '../../folio/descriptor.ts'
import { SUPERTENANT } from '../../folio/tenant.ts'
import type { Reason } from '../../refusal/reasons.ts'

const TOKEN = 'token-not-seen-here' satisfies Reason
const TENANT = 'tenant-not-allowed' satisfies Reason
const MISMATCH = 'tenant-mismatch' satisfies Reason

/** Values of `onBehalfOf` to which no grant opens anything. */
const NO_CALLER = ['okapi', 'unknown']

/** The result of reading logs. */
export interface LinesRead {
  readonly usage: UsageLog
  readonly lines: number
  /** Number of those that passed. */
  readonly exchanges: number
  /** Milliseconds since 1970; NaN if there is no exchange. */
  readonly firstMs: number
  readonly lastMs: number
}

/** Reads access logs of sidecars, of any size; `-` is standard input. Throws a Fault. */
export async function readAccessLogs(files: readonly string[]): Promise<LinesRead> {
  const usage = new UsageLog()
  let [lines, exchanges, firstMs, lastMs] = [0, 0, Number.NaN, Number.NaN]
  for (const file of files) {
    for await (const line of linesOf(file)) {
      if (line.trim() === '') continue
      lines++
      const exchange = exchangeIn(line)
      if (exchange === undefined) continue
      if (exchange.passed) exchanges++
      const { timeMs } = exchange
      if (!(firstMs <= timeMs)) firstMs = timeMs
      if (!(lastMs >= timeMs)) lastMs = timeMs
      usage.add(exchange)
    }
  }
  return { usage, lines, exchanges, firstMs, lastMs }
}

/** The lines of a log, of any size; `-` is standard input. Throws a Fault. */
export async function* linesOf(file: string): AsyncGenerator<string> {
  const input = file === '-' ? process.stdin : createReadStream(file)
  try {
    const bytes = Readable.from(utf8Only(input, file), { objectMode: false })
    yield* createInterface({ input: bytes, crlfDelay: Number.POSITIVE_INFINITY })
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined) throw error
    throw fault(`cannot read this log (${code})`, { where: { file } })
  }
}

/** PowerShell's `>` converts every log to UTF-16, and no line of it would be recognized. */
async function* utf8Only(input: AsyncIterable<Buffer>, file: string): AsyncGenerator<Buffer> {
  let isFirst = true
  for await (const part of input) {
    const wide = isFirst ? wideEncoding(part) : undefined
    if (wide !== undefined) {
      throw fault(`this log is ${wide}`, { where: { file }, hint: 'save it as UTF-8' })
    }
    isFirst = false
    yield part
  }
}

/**
 * The exchange in a line, if it passed, report mode let it pass, or it was refused because of its
 * tenant. Text before the JSON is ignored.
 */
function exchangeIn(line: string): LoggedExchange | undefined {
  const found = jsonIn(line)
  const text = (name: string) => {
    const value = found?.[name]
    return typeof value === 'string' ? value : ''
  }
  if (text('msg') !== 'exchange') return undefined
  const [caller, method, route] = [text('caller'), text('method'), text('route')]
  const timeMs = Date.parse(text('time'))
  if (caller === '' || route === '' || !METHODS.includes(method) || Number.isNaN(timeMs)) {
    return undefined
  }
  const [reason, wouldDeny] = [text('reason'), text('wouldDeny')]
  const denied = !['', TOKEN, TENANT, MISMATCH].includes(wouldDeny)
  const behalf = text('onBehalfOf')
  const hasCaller = behalf !== '' && !NO_CALLER.includes(behalf)
  const forTenant = [reason, wouldDeny].includes(TENANT)
  const crossed = [reason, wouldDeny].includes(MISMATCH) ? crossedIn(text('because')) : null
  if (reason !== '' && text('rule') === '' && !forTenant && crossed === null) return undefined
  return {
    // What Okapi asks on behalf of a caller depends on that caller's grants.
    ...{ timeMs, caller: denied && hasCaller ? behalf : caller, method, route },
    at: text('at'),
    direction: text('direction'),
    provider: text('provider'),
    // For other rules in report mode a grant of an interface would open nothing.
    wouldDeny: denied && (behalf === '' || hasCaller),
    unknownToken: [reason, wouldDeny].includes(TOKEN),
    refusedTenant: forTenant ? text('tenant') || SUPERTENANT : '',
    crossed,
    passed: reason !== TENANT && reason !== MISMATCH,
  }
}

/** The JSON object in a line of a log; text before it is ignored. */
export function jsonIn(line: string): Record<string, unknown> | undefined {
  const brace = line.indexOf('{')
  return brace < 0 ? undefined : parse(line.slice(brace))
}

/** The two tenants in the sentence of a refusal; null if one has an unusual name. */
function crossedIn(because: string): Crossed | null {
  const words = / may not act for tenant ([\w-]{1,64}) with a token of tenant ([\w-]{1,64}): /
  const [, to, from] = words.exec(because) ?? []
  return from === undefined || to === undefined ? null : { from, to }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
