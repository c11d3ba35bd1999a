import { statSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { readAllGrants } from '../../analysis/installation.ts'
import { fault } from '../../fault.ts'
import { loadDescriptors } from '../../policy/descriptor-files.ts'
import type { InstalledModule } from '../../policy/descriptors.ts'
import { descriptorsFor, packDescriptors } from '../../policy/packed-descriptors.ts'
import { tell } from '../terminal.ts'
import { replaceFile } from '../write.ts'
import { grantsIn } from './sources.ts'

/** Writes a folder of descriptors as one small file. Throws a Fault for wrong usage and files. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      out: { type: 'string', short: 'o' },
      for: { type: 'string' },
      grants: { type: 'string' },
    },
  })
  const [folder, ...more] = positionals
  const hint = 'okapi-sidecar policy pack descriptors -o installed.json'
  if (folder === undefined || more.length > 0) throw fault('pack takes one folder', { hint })
  const { out, for: member = 'okapi', grants } = values
  if (out === undefined) throw fault('-o FILE is missing', { hint })
  const { set, warnings } = loadDescriptors(folder)
  tell(warnings)
  const isOkapi = member === 'okapi' || member.startsWith('okapi-')
  const part = isOkapi ? set : descriptorsFor(set, member, readAllGrants(grantsIn(grants)))
  const packed = packDescriptors(part)
  const text = `${JSON.stringify(packed)}\n`
  if (statSync(out, { throwIfNoEntry: false })?.isDirectory()) throw fault(`${out} is a folder`)
  replaceFile(out, text, 0o644)
  const whole = ([id, { descriptor }]: [string, InstalledModule]) =>
    set.modules.get(id)?.descriptor === descriptor
  const ids = [...part.modules].filter(whole)
  const others = ids.length < set.modules.size ? ', of those that call it what they ask for' : ''
  const counted = `${ids.length} of ${set.modules.size} modules${others}`
  process.stdout.write(
    `${out}: ${counted}, ${text.length} bytes, hash ${packed.hash.slice(0, 16)}\n`,
  )
  return 0
}
