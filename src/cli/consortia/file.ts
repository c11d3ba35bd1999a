import { existsSync } from 'node:fs'
import { isMap, isSeq, parseDocument } from 'yaml'
import { readConsortiaFile } from '../../config/consortia.ts'
import { located } from '../../config/document.ts'
import { readText } from '../../fault/text-file.ts'
import { Fault, type Problem } from '../../fault.ts'
import { readConsortia } from '../../policy/consortia.ts'
import { replaceFile } from '../write.ts'
import type { FoundConsortium } from './sources.ts'

const NEW = `# Which tenants belong together; okapi-sidecar consortia fetch writes it.
consortia: []
# Which callers may use a token of one tenant for another; docs/tenants.md.
cross: []
`

/**
 * Replaces the consortium with the same central tenant; everything else in the file stays unchanged.
 * If the new file would be invalid, it throws a Fault and keeps the old one.
 */
export function writeConsortium(
  file: string,
  { name, central, members }: FoundConsortium,
): { added: readonly string[]; gone: readonly string[] } {
  const before = existsSync(file) ? valid(file) : undefined
  const document = parseDocument(before === undefined ? NEW : readText(file))
  const entry = document.createNode({
    ...(name === undefined ? {} : { name }),
    central,
    members: [...members],
  })
  const list = document.get('consortia')
  if (!isSeq(list)) document.set('consortia', document.createNode([entry]))
  else {
    list.flow = false
    const at = list.items.findIndex((item) => isMap(item) && item.get('central') === central)
    if (at === -1) list.items.push(entry)
    else list.items[at] = entry
  }
  // Checked as a sidecar would read it before it replaces the old one.
  const text = document.toString({ flowCollectionPadding: false })
  replaceFile(file, text, 0o644, valid)
  const known = before?.list.find((consortium) => consortium.central === central)
  const old = known === undefined ? [] : [known.central, ...known.members]
  const now = [central, ...members]
  return {
    added: now.filter((tenant) => !old.includes(tenant)),
    gone: old.filter((tenant) => !now.includes(tenant)),
  }
}

/** The content of the file. Throws a Fault if a sidecar would refuse it. */
function valid(file: string) {
  const problems: Problem[] = []
  const consortia = readConsortia(readConsortiaFile(file), problems)
  if (problems.length > 0) throw new Fault(located(problems))
  return consortia
}
