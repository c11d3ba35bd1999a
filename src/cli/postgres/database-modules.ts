import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readText } from '../../fault/text-file.ts'
import { errorCode, fault } from '../../fault.ts'
import { parseModuleId } from '../../folio/module-id.ts'

/** A module that needs a database, and its names there. */
export interface DatabaseModule {
  readonly product: string
  /** Its login role, which is also the end of the roles that RMB creates for tenants. */
  readonly role: string
}

const WANTS = new Set(['DB_HOST', 'DB_USERNAME', 'DB_DATABASE'])

/** The products in a folder of descriptors whose launchDescriptor has DB_* variables. Throws a Fault. */
export function databaseModules(directory: string | undefined): readonly DatabaseModule[] {
  if (directory === undefined) {
    throw fault('--descriptors DIR is missing', { hint: 'name the folder of ModuleDescriptors' })
  }
  const products = new Set(namesIn(directory).flatMap((name) => productIn(join(directory, name))))
  if (products.size === 0) {
    throw fault('no descriptor there has DB_HOST or DB_USERNAME in launchDescriptor.env', {
      where: { file: directory },
      hint: '`policy fetch` saves the descriptors of a running Okapi',
    })
  }
  const modules = [...products].sort().map((product) => ({ product, role: roleOf(product) }))
  const [one, other] = modules.filter(
    ({ role }, _, all) => all.filter((each) => each.role === role).length > 1,
  )
  if (one === undefined || other === undefined) return modules
  throw fault(`the products ${one.product} and ${other.product} have the same role ${one.role}`, {
    where: { file: directory },
    hint: 'each would have the data of the other: remove the descriptor that is not a module of yours',
  })
}

function roleOf(product: string): string {
  return product.replaceAll('-', '_')
}

/** The PostgreSQL version whose rules apply. Throws a Fault for an unknown version. */
export function serverVersion(text: string): 15 | 16 {
  const version = Number(text)
  if (!Number.isInteger(version) || version < 13) {
    throw fault(`--server-version ${text}: 15 or 16 (13 to 15 alike, and 16 for all later ones)`)
  }
  return version < 16 ? 15 : 16
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).filter((name) => name.endsWith('.json'))
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined) throw error
    throw fault(`cannot be read (${code})`, { where: { file: directory } })
  }
}

function productIn(file: string): string[] {
  const descriptor = parsed(file)
  const id = typeof descriptor.id === 'string' ? parseModuleId(descriptor.id) : undefined
  const env = descriptor.launchDescriptor?.env
  if (id === undefined || !Array.isArray(env)) return []
  if (!env.some((each) => WANTS.has(String(each?.name)))) return []
  // It becomes part of SQL and of pg_ident.conf.
  if (!/^[a-z0-9][a-z0-9_-]*$/.test(id.product) || id.product.length > 63) {
    throw fault(`the product ${JSON.stringify(id.product)} cannot be part of a role name`, {
      where: { file },
    })
  }
  return [id.product]
}

interface Written {
  readonly id?: unknown
  readonly launchDescriptor?: { readonly env?: readonly { readonly name?: unknown }[] }
}

function parsed(file: string): Written {
  try {
    const value: unknown = JSON.parse(readText(file))
    return typeof value === 'object' && value !== null ? value : {}
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw fault('this is not JSON', { where: { file } })
  }
}
