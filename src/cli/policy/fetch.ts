import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Fault, fault } from '../../fault.ts'
import { readDescriptor } from '../../folio/read-descriptor.ts'
import { Okapi, tokenIn } from '../okapi.ts'
import { progress } from '../terminal.ts'
import { needed } from '../verb.ts'
import { foldersDiffer, replaceFolder } from './replace-folder.ts'

const HINT =
  'okapi-sidecar policy fetch --okapi https://okapi:8443 --credentials anna \\\n    --tenant diku --out descriptors'

/** Saves the descriptors of all modules enabled for a tenant. If it throws a Fault, nothing is saved. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      okapi: { type: 'string' },
      tenant: { type: 'string' },
      out: { type: 'string', short: 'o' },
      credentials: { type: 'string' },
      'token-file': { type: 'string' },
      keep: { type: 'boolean', default: false },
    },
  })
  const tenant = needed('--tenant', values.tenant, HINT)
  const out = needed('--out', values.out, HINT)
  const url = needed('--okapi', values.okapi, HINT)
  const okapi = await Okapi.at(url, values.credentials, tokenIn(values['token-file']))
  try {
    const files = await fetchDescriptors(okapi, tenant)
    const { added, gone } = foldersDiffer(out, [...files.keys()])
    const kept = values.keep ? await readAll(out, gone) : new Map<string, string>()
    await replaceFolder(out, new Map([...files, ...kept]))
    const changes = `${added.length} new, ${gone.length} ${values.keep ? 'kept' : 'gone'}`
    process.stdout.write(`${out}: ${files.size} modules of tenant ${tenant}, ${changes}\n`)
    for (const name of gone) {
      process.stdout.write(`    ${values.keep ? 'kept, not enabled' : 'gone'}: ${name}\n`)
    }
    return 0
  } finally {
    await okapi.close()
  }
}

/** Names and texts of the descriptors of all modules enabled for a tenant. Throws a Fault. */
export async function fetchDescriptors(
  okapi: Okapi,
  tenant: string,
): Promise<ReadonlyMap<string, string>> {
  const ids = idsIn(await okapi.read('proxy', 'tenants', tenant, 'modules'))
  if (ids.length === 0) throw fault(`nothing is enabled for tenant ${tenant}`)
  const files = new Map<string, string>()
  try {
    for (const id of ids) {
      progress(`${files.size + 1}/${ids.length} ${id}`)
      const value = await okapi.read('proxy', 'modules', id)
      check(id, value)
      files.set(`${id}.json`, `${JSON.stringify(value, null, 2)}\n`)
    }
  } finally {
    progress('')
  }
  return files
}

async function readAll(folder: string, names: readonly string[]) {
  const files = new Map<string, string>()
  for (const name of names) files.set(name, await readFile(join(folder, name), 'utf8'))
  return files
}

// Any other name could change the path of the file, or cannot be in a certificate.
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]*$/

function idsIn(answer: unknown): readonly string[] {
  const list = Array.isArray(answer) ? answer : []
  const ids = list.map((entry: unknown) =>
    typeof entry === 'object' && entry !== null && 'id' in entry ? entry.id : undefined,
  )
  if (!Array.isArray(answer) || !ids.every((id) => typeof id === 'string')) {
    throw fault('Okapi did not answer with a list of modules')
  }
  const odd = ids.find((id) => !ID.test(id))
  if (odd !== undefined) throw fault(`Okapi names a module ${JSON.stringify(odd.slice(0, 100))}`)
  return [...new Set(ids)].sort()
}

/** A folder with a descriptor that policy cannot read would be useless. */
function check(id: string, value: unknown): void {
  const { descriptor, findings } = readDescriptor(value)
  if (descriptor === undefined) {
    throw new Fault(
      findings.map(({ severity, message, pointer }) => ({
        severity,
        message,
        where: { file: `${id}, as Okapi has it`, pointer },
      })),
    )
  }
  if (descriptor.id.id !== id) {
    throw fault(`Okapi was asked for ${id} and answered ${descriptor.id.id}`)
  }
}
