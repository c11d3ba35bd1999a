import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import {
  type Child,
  DESCRIPTORS,
  freePorts,
  processFile,
  startChild,
} from '../../src/demo/child.ts'
import { MODULES, NOTE_ID, TENANT } from '../../src/demo/members.ts'
import { ask, Cable, get, ID, request, Sidecar, verdictOf } from '../support/scenario.ts'
import { typed } from '../support/typed.ts'

// docs/migrate.md, step by step and in its order, with the commands as they stand there. After each
// step Anna still reads her note: Okapi asks mod-notes, which asks Okapi, which asks mod-users; before
// each of the two Okapi asks mod-authtoken.

const { users, notes, authtoken } = MODULES
const ORDER = [notes, users, authtoken] as const

let directory: string
let ca: string
const parts = new Map<string, { child: Child; port: number }>()
const sidecars = new Map<string, Sidecar>()
/** `http://okapi:9130` of the cluster: first it leads to Okapi itself, then to its migration listener. */
let service: Cable

test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'migrate-'))
  ca = join(directory, 'ca')
  service = await Cable.start()
  const okapiUrl = `http://127.0.0.1:${service.port}`
  for (const id of [ID.okapi, ...ORDER]) {
    const file = processFile(id === ID.okapi ? 'okapi-stand-in' : id.replace(/-\d.*$/, ''))
    const settings = id === ID.okapi ? { descriptors: DESCRIPTORS, okapiUrl } : {}
    const child = startChild(id, file, [JSON.stringify(settings)])
    const { port } = await child.line(({ msg }) => msg === 'ready')
    parts.set(id, { child, port: Number(port) })
  }
  service.plugInto(portOf(ID.okapi))
  for (const srvcId of [users, notes, authtoken]) {
    const url = `http://127.0.0.1:${portOf(srvcId)}`
    await post('/_/discovery/modules', { srvcId, instId: `${srvcId}-1`, url })
    await post(`/_/proxy/tenants/${TENANT}/modules`, { id: srvcId })
  }
})
test.after.always(async () => {
  await Promise.all([...sidecars.values()].map((sidecar) => sidecar.stop()))
  await Promise.all([...parts.values()].map(({ child }) => child.stop()))
  await service?.close()
  await rm(directory, { recursive: true, force: true })
})

function portOf(id: string): number {
  return parts.get(id)!.port
}

async function post(path: string, json: unknown): Promise<void> {
  const body = JSON.stringify(json)
  const answer = await fetch(`http://127.0.0.1:${portOf(ID.okapi)}${path}`, {
    method: 'POST',
    body,
  })
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  await answer.body?.cancel()
}

/** A verb of the command line that must end well. */
async function verb(t: ExecutionContext, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await typed(args)
  t.is(code, 0, `${args.join(' ')}\n${stdout}${stderr}`)
  return stdout
}

let calls = 0

/** Anna reads her note; resolves to the id by which the log knows the call. */
async function annaReads(t: ExecutionContext): Promise<string> {
  const id = `anna${calls++}`
  const token = String(await parts.get(authtoken)!.child.ask('annasToken'))
  const answer = await fetch(`http://127.0.0.1:${portOf(ID.okapi)}/notes/${NOTE_ID}`, {
    headers: { 'X-Okapi-Tenant': TENANT, 'X-Okapi-Token': token, 'X-Okapi-Request-Id': id },
  })
  const text = await answer.text()
  t.is(answer.status, 200, text)
  t.like(JSON.parse(text), { title: 'Please renew', creator: { username: 'anna' } })
  return id
}

/** By which listener, and from which caller, a call of this id came to a sidecar. */
async function cameTo(at: string, id: string, direction: string): Promise<string | undefined> {
  const [line] = await sidecars
    .get(at)!
    .say((said) => said.direction === direction && String(said.requestId).startsWith(id))
  return line?.caller
}

async function startSidecar(id: string, more: object): Promise<Sidecar> {
  const file = join(directory, `${id}.json`)
  const configuration = {
    module: id,
    trustDomain: 'folio.test',
    credentials: { directory: join(ca, id) },
    admin: { listen: '127.0.0.1:0' },
    status: { listen: '127.0.0.1:0' },
    ...more,
  }
  await writeFile(file, JSON.stringify(configuration), { mode: 0o600 })
  const sidecar = await Sidecar.start(id, file)
  sidecars.set(id, sidecar)
  return sidecar
}

const ingressOf = new Map<string, number>()
/** Where Okapi’s sidecar takes calls to modules. */
let range = ''

test.serial('before: everything is plain, and works', async (t) => {
  await annaReads(t)
})

test.serial('look first: the descriptors, and what discovery has', async (t) => {
  const okapi = `http://127.0.0.1:${portOf(ID.okapi)}`
  const out = join(directory, 'descriptors')
  const said = await verb(t, 'policy', 'fetch', '--okapi', okapi, '--tenant', TENANT, '--out', out)
  t.regex(said, /3 modules of tenant diku/)
  t.regex(await verb(t, 'discovery', '--okapi', okapi, '--descriptors', out), /mod-users-19\.7\.0/)
})

test.serial('certificates: one for Okapi, for every module, for an operator', async (t) => {
  await verb(t, 'certs', 'init', '--trust-domain', 'folio.test', '--dir', ca)
  const ip = ['--ip', '127.0.0.1', '--dir', ca]
  await verb(t, 'certs', 'issue', ID.okapi, '--powerful', ...ip)
  await verb(t, 'certs', 'issue', 'operator/anna', '--powerful', '--dir', ca)
  for (const id of ORDER) await verb(t, 'certs', 'issue', id, ...ip)
})

test.serial('Okapi first: nothing changes for anybody', async (t) => {
  const [first = 0, ...ports] = await freePorts(1 + ORDER.length)
  range = `127.0.0.1:${first}-${first + ORDER.length - 1}`
  for (const [i, id] of ORDER.entries()) ingressOf.set(id, ports[i]!)
  const address = Object.fromEntries(ORDER.map((id, i) => [id, `https://127.0.0.1:${ports[i]}`]))
  const admin = ['read', 'discovery']
  const grant = { caller: 'operator/anna', at: 'okapi', admin, why: 'moves modules over' }
  const until = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)
  await startSidecar(ID.okapi, {
    ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${portOf(ID.okapi)}` },
    egress: { modules: { listen: range, address } },
    migration: { listen: '127.0.0.1:0', from: ['127.0.0.1'], until, why: 'moving over' },
    policy: { descriptors: join(directory, 'descriptors'), mode: 'report', grants: [grant] },
  })
  await annaReads(t)
})

test.serial(
  'the Service of Okapi leads to the migration listener: 9130 can be closed',
  async (t) => {
    service.plugInto(sidecars.get(ID.okapi)!.port('plain'))
    const id = await annaReads(t)
    t.is(await cameTo(ID.okapi, id, 'plain'), 'plain/127.0.0.1')
  },
)

for (const [moved, id] of ORDER.entries()) {
  test.serial(`${id} gets its sidecar, and Okapi calls it as before`, async (t) => {
    const gateway = `https://127.0.0.1:${sidecars.get(ID.okapi)!.port('ingress')}`
    await startSidecar(id, {
      ingress: {
        listen: `127.0.0.1:${ingressOf.get(id)}`,
        forward: `http://127.0.0.1:${portOf(id)}`,
      },
      egress: { listen: '127.0.0.1:0', gateway },
      policy: { descriptors: join(directory, 'descriptors') },
    })
    await annaReads(t)
    const admin = `http://127.0.0.1:${sidecars.get(id)!.port('admin')}/app/health`
    if (id !== authtoken) await verb(t, 'health', admin)
  })

  test.serial(`Okapi calls ${id} through its sidecar`, async (t) => {
    const folder = join(directory, `moved-${moved}`)
    await mkdir(folder, { mode: 0o700 })
    for (const each of ORDER.slice(0, moved + 1)) {
      await cp(join(directory, 'descriptors', `${each}.json`), join(folder, `${each}.json`))
    }
    const okapi = sidecars.get(ID.okapi)!
    const at = ['--okapi', `https://127.0.0.1:${okapi.port('ingress')}`]
    const as = ['--credentials', join(ca, 'operator', 'anna'), '--modules-listen', range]
    const set = ['--descriptors', folder]
    await verb(t, 'discovery', ...at, ...as, ...set, '--apply', '--replace')
    const call = await annaReads(t)
    t.is(await cameTo(id, call, 'ingress'), ID.okapi)
    // What mod-notes asks Okapi for goes by its sidecar as soon as Okapi calls it by its sidecar.
    t.is(await cameTo(ID.okapi, call, 'ingress'), notes)
  })
}

test.serial('the end: every module is called through its sidecar', async (t) => {
  const at = ['--okapi', `https://127.0.0.1:${sidecars.get(ID.okapi)!.port('ingress')}`]
  const as = ['--credentials', join(ca, 'operator', 'anna'), '--modules-listen', range]
  const set = ['--descriptors', join(directory, 'descriptors')]
  await verb(t, 'discovery', ...at, ...as, ...set, '--verify')
})

test.serial('the end: no caller uses the migration listener any more', async (t) => {
  const okapi = sidecars.get(ID.okapi)!
  const id = await annaReads(t)
  await cameTo(ID.okapi, id, 'ingress')
  t.false(
    okapi.lines.some((said) => said.direction === 'plain' && `${said.requestId}`.startsWith(id)),
  )
})

test.serial(
  'back again: the old address is registered, then the sidecar’s is removed',
  async (t) => {
    const where = {
      port: sidecars.get(ID.okapi)!.port('ingress'),
      certificate: join(ca, 'operator', 'anna'),
    }
    const url = `http://127.0.0.1:${portOf(notes)}`
    const old = JSON.stringify({ srvcId: notes, instId: `${notes}-back`, url })
    t.is(verdictOf(await ask(where, request('POST /_/discovery/modules', [], old))), '201')
    const known: { srvcId: string; instId: string }[] = JSON.parse(
      (await ask(where, get('/_/discovery/modules'))).body,
    )
    const [gone] = known.filter(
      ({ srvcId, instId }) => srvcId === notes && !instId.endsWith('-back'),
    )
    const path = `/_/discovery/modules/${notes}/${gone?.instId}`
    t.is(verdictOf(await ask(where, request(`DELETE ${path}`))), '204')
    t.is(await sidecars.get(notes)!.stop(), 0)
    sidecars.delete(notes)
    const id = await annaReads(t)
    t.is(await cameTo(ID.okapi, id, 'plain'), 'plain/127.0.0.1')
  },
)
