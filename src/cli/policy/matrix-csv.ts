import type { Opening } from '../../analysis/opening.ts'

const COLUMNS =
  'caller,provider,at,kind,interface,version,methods,path,only,rule,file,pointer,why'.split(',')

/** One line for each route, as RFC 4180 has it. */
export function matrixCsv(openings: readonly Opening[]): string {
  const lines = openings.map((opening) => {
    const { caller, provider, at, kind, interface: provided, methods, pathPattern } = opening
    const { only, rule, why } = opening
    const route = [methods.join(' '), pathPattern, only]
    const part = [caller, provider, at, kind, provided?.id, provided?.version]
    return [...part, ...route, rule.kind, rule.file, rule.pointer, why].map(field)
  })
  return [COLUMNS, ...lines].map((line) => `${line.join(',')}\r\n`).join('')
}

function field(value: string | null | undefined): string {
  if (value === null || value === undefined) return ''
  // Spreadsheets take what begins like this for a formula.
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
