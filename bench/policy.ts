// What a decision costs from 10 to 10,000 routes, and what compiling costs: `node bench/policy.ts`.
import { compilePolicy } from '../src/policy/compiled-policy.ts'
import { installDescriptors } from '../src/policy/descriptors.ts'

const ROUTES = [10, 100, 1000, 2700, 10_000]
const ROUTES_PER_MODULE = 40
const DECISIONS = 200_000

/** As many routes as asked for, over modules of which the caller requires every interface. */
function descriptors(routes: number) {
  const modules = Math.ceil(routes / ROUTES_PER_MODULE)
  const provided = Array.from({ length: modules }, (_, m) => {
    const count = Math.min(ROUTES_PER_MODULE, routes - m * ROUTES_PER_MODULE)
    const handlers = Array.from({ length: count }, (_, r) => ({
      methods: ['GET'],
      pathPattern: r % 2 === 0 ? `/area-${m}/things-${r}/{id}` : `/area-${m}/things-${r}`,
      permissionsRequired: [],
    }))
    return { id: `mod-p${m}-1.0.0`, provides: [{ id: `p${m}`, version: '1.0', handlers }] }
  })
  const requires = provided.map((_, m) => ({ id: `p${m}`, version: '1.0' }))
  return [...provided, { id: 'mod-caller-1.0.0', requires }].map((value, i) => ({
    file: `${i}.json`,
    path: `${i}.json`,
    value,
  }))
}

function measured(routes: number): string[] {
  const { set } = installDescriptors(descriptors(routes))
  if (set === undefined) throw new Error('the generated descriptors are not sound')
  const began = performance.now()
  const { policy } = compilePolicy({ descriptors: set })
  if (policy === undefined) throw new Error('the generated descriptors do not compile')
  const judge = policy.bind({ kind: 'module', id: 'mod-caller-1.0.0' }, 'okapi')
  const compiledMs = performance.now() - began
  const paths = Array.from({ length: 64 }, (_, i) => {
    const route = Math.floor((i * routes) / 64)
    const [m, r] = [Math.floor(route / ROUTES_PER_MODULE), route % ROUTES_PER_MODULE]
    return Buffer.from(`/area-${m}/things-${r}${r % 2 === 0 ? '/5d0a1c4e' : ''}`)
  })
  const ask = (times: number) => {
    const from = process.cpuUsage()
    for (let i = 0; i < times; i++) {
      const path = paths[i % paths.length]!
      const { allow } = judge.decide('GET', path, 0, path.length, 'diku', undefined)
      if (!allow) throw new Error(`${path} is refused`)
    }
    const { user, system } = process.cpuUsage(from)
    return ((user + system) * 1000) / times
  }
  ask(DECISIONS / 10)
  return [String(routes), `${compiledMs.toFixed(1)} ms`, `${ask(DECISIONS).toFixed(0)} ns`]
}

const rows = [['routes', 'compile', 'decision'], ...ROUTES.map(measured)]
for (const row of rows) console.log(row.map((cell) => cell.padStart(10)).join(''))
