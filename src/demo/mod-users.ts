import { ANNA, BO, type Person, TENANT } from './members.ts'
import { type Reply, runModule } from './module.ts'

const usersOf = new Map<string, Map<string, Person>>([
  [TENANT, new Map([ANNA, BO].map((person) => [person.id, person]))],
])

function getUsers(tenant: string): Reply {
  const users = [...(usersOf.get(tenant)?.values() ?? [])]
  return { status: 200, json: { users, totalRecords: users.length } }
}

function getUser(tenant: string, id: string): Reply {
  const person = usersOf.get(tenant)?.get(id)
  if (person === undefined) return { status: 404, json: { error: 'User not found' } }
  return { status: 200, json: person }
}

runModule({
  route({ method, path, tenant }) {
    if (method !== 'GET') return undefined
    if (path === '/users') return getUsers(tenant)
    const id = /^\/users\/([^/]+)$/.exec(path)?.[1]
    return id === undefined ? undefined : getUser(tenant, decodeURIComponent(id))
  },
  purge(tenant) {
    usersOf.delete(tenant)
  },
  asks: { count: () => usersOf.get(TENANT)?.size ?? 0 },
})
