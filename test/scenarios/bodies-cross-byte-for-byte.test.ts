import { createHash, randomBytes } from 'node:crypto'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import test from 'ava'
import { ID, Installation } from '../support/scenario.ts'

const MIB = 1024 * 1024
const BACK = randomBytes(4 * MIB + 3)

interface Arrived {
  readonly sha: string
  readonly framing: string | undefined
}

let installation: Installation
let arrived: Arrived | undefined

/** Okapi, played by Node's own server: what it answers has Content-Length where the path says so. */
const okapi = http.createServer(async (message, response) => {
  const framing = message.headers['transfer-encoding'] ?? message.headers['content-length']
  arrived = { sha: sha(await buffer(message)), framing }
  if (message.url === '/users?length') response.setHeader('Content-Length', BACK.length)
  response.write(BACK)
  response.end()
})

test.before(async () => {
  okapi.listen(0, '127.0.0.1')
  await new Promise((resolve) => okapi.once('listening', resolve))
  const forward = `http://127.0.0.1:${(okapi.address() as AddressInfo).port}`
  const more = { [ID.okapi]: { ingress: { listen: '127.0.0.1:0', forward } } }
  installation = await Installation.open({ modules: [ID.notes], more })
})
test.after.always(async () => {
  await installation?.close()
  okapi.closeAllConnections()
  okapi.close()
})

function sha(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Sends with Node's own client; `length` undefined: in chunks. */
async function upload(path: string, body: Buffer, length: number | undefined) {
  const framing = length === undefined ? {} : { 'Content-Length': length }
  const headers = { 'X-Okapi-Tenant': 'diku', ...framing }
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>()
  const port = installation.egress(ID.notes)
  const sent = http.request({ host: '127.0.0.1', port, path, method: 'POST', headers }, resolve)
  sent.on('error', reject)
  for (let at = 0; at < body.length; at += 100_000) sent.write(body.subarray(at, at + 100_000))
  sent.end()
  const response = await promise
  return { response, body: await buffer(response) }
}

for (const how of ['length', 'chunks']) {
  test.serial(
    `some MiB with ${how}, there and back, between node:http and node:http`,
    async (t) => {
      const sent = randomBytes(5 * MIB + 17)
      const length = how === 'length' ? sent.length : undefined
      const { response, body } = await upload(`/users?${how}`, sent, length)
      t.is(response.statusCode, 200)
      t.deepEqual(arrived, {
        sha: sha(sent),
        framing: length === undefined ? 'chunked' : `${length}`,
      })
      t.is(response.headers['content-length'], length === undefined ? undefined : `${BACK.length}`)
      t.is(sha(body), sha(BACK))
    },
  )
}

test.serial('many at once, each its own', async (t) => {
  const bodies = Array.from({ length: 8 }, () => randomBytes(MIB / 2))
  const answers = await Promise.all(bodies.map((body) => upload('/users', body, undefined)))
  for (const { body } of answers) t.is(sha(body), sha(BACK))
  t.true(bodies.some((body) => sha(body) === arrived?.sha))
})
