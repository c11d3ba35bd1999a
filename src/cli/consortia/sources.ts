import { fault } from '../../fault.ts'
import type { Okapi } from '../okapi.ts'

/** A consortium in FOLIO. */
export interface FoundConsortium {
  readonly name: string | undefined
  readonly central: string
  /** Sorted. */
  readonly members: readonly string[]
}

const PAGE = 1000
/** A consortium has some hundred tenants; users are counted in hundred thousands. */
const MOST_PAGES = 1000

/** The consortium from mod-consortia (GET /consortia, GET /consortia/{id}/tenants). Throws a Fault. */
export async function consortiumIn(okapi: Okapi, tenant: string): Promise<FoundConsortium> {
  const [first, second] = listIn(await okapi.readFor(tenant, '/consortia'), 'consortia')
  if (first === undefined) throw fault(`mod-consortia has no consortium in tenant ${tenant}`)
  if (second !== undefined) throw fault(`mod-consortia has more than one in tenant ${tenant}`)
  const id = textOf(first, 'id', 'a consortium')
  const name = typeof first['name'] === 'string' ? first['name'] : undefined
  const path = `/consortia/${encodeURIComponent(id)}/tenants`
  const tenants = await allPages(okapi, tenant, path, 'tenants')
  const there = tenants.filter(({ isDeleted }) => isDeleted !== true)
  const ids = (central: boolean) =>
    there
      .filter(({ isCentral }) => (isCentral === true) === central)
      .map((entry) => textOf(entry, 'id', 'a tenant of the consortium'))
  const [central, ...others] = ids(true)
  if (central === undefined || others.length > 0) {
    throw fault(
      `the consortium has ${others.length + (central === undefined ? 0 : 1)} central tenants`,
    )
  }
  return { name, central: same(central, tenant), members: sorted(ids(false)) }
}

/**
 * The consortium from the affiliations of users (mod-users, GET /user-tenants in the central tenant): a
 * member without any user is not found. Throws a Fault.
 */
export async function consortiumOfUsers(okapi: Okapi, tenant: string): Promise<FoundConsortium> {
  const records = await allPages(okapi, tenant, '/user-tenants', 'userTenants')
  const centrals = new Set(
    records.map((entry) => textOf(entry, 'centralTenantId', 'an affiliation')),
  )
  const [central, ...others] = centrals
  if (central === undefined) throw fault(`no user of tenant ${tenant} has an affiliation`)
  if (others.length > 0) throw fault(`users have affiliations in ${[...centrals].join(' and ')}`)
  const tenants = records.map((entry) => textOf(entry, 'tenantId', 'an affiliation'))
  const members = sorted(tenants).filter((each) => each !== central)
  return { name: undefined, central: same(central, tenant), members }
}

async function allPages(okapi: Okapi, tenant: string, path: string, key: string) {
  const all: Entry[] = []
  for (let page = 0; page < MOST_PAGES; page++) {
    const target = `${path}?limit=${PAGE}&offset=${page * PAGE}`
    const list = listIn(await okapi.readFor(tenant, target), key)
    all.push(...list)
    if (list.length < PAGE) return all
  }
  throw fault(`${path} does not end`)
}

type Entry = Readonly<Record<string, unknown>>

function listIn(answer: unknown, key: string): readonly Entry[] {
  const list = typeof answer === 'object' && answer !== null ? Reflect.get(answer, key) : undefined
  if (Array.isArray(list) && list.every((entry) => typeof entry === 'object' && entry !== null)) {
    return list as Entry[]
  }
  throw fault(`Okapi did not answer with a list of \`${key}\``)
}

function textOf(entry: Entry, key: string, of: string): string {
  const value = entry[key]
  if (typeof value === 'string' && value !== '') return value
  throw fault(`${of} has no \`${key}\``)
}

function same(central: string, tenant: string): string {
  if (central === tenant) return central
  throw fault(`${tenant} is not the central tenant: that is ${central}`, {
    hint: `--tenant ${central}`,
  })
}

function sorted(tenants: readonly string[]): readonly string[] {
  return [...new Set(tenants)].sort()
}
