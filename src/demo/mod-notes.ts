import http from 'node:http'
import { ANNA, NOTE_ID } from './members.ts'
import { type Reply, readAll, runModule } from './module.ts'

const note = { id: NOTE_ID, title: 'Please renew', creatorId: ANNA.id }

/**
 * As RMB's generated clients do: every received `x-okapi-*` is passed on in lower case, of duplicates
 * the last (RestRouting.getOkapiHeaders), to an absolute URL made from X-Okapi-Url.
 */
function callOkapi(received: http.IncomingMessage, path: string): Promise<Reply> {
  const headers: Record<string, string> = { Accept: 'application/json' }
  received.rawHeaders.forEach((name, i, all) => {
    const lower = name.toLowerCase()
    if (i % 2 === 0 && lower.startsWith('x-okapi-')) headers[lower] = all[i + 1] ?? ''
  })
  const url = `${headers['x-okapi-url'] ?? ''}${path}`
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  const request = http.get(url, { headers, agent: false }, (response) => {
    readAll(response).then((text) => {
      resolve({ status: response.statusCode ?? 0, json: parsed(text) })
    }, reject)
  })
  request.on('error', reject)
  return promise
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

runModule({
  async route({ method, path, request }) {
    if (method !== 'GET' || path !== `/notes/${NOTE_ID}`) return undefined
    const creator = await callOkapi(request, `/users/${note.creatorId}`)
    if (creator.status === 200) return { status: 200, json: { ...note, creator: creator.json } }
    return { status: 502, json: { error: 'mod-users said no', status: creator.status } }
  },
})
