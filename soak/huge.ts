import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'

const PIECE = Buffer.alloc(1024 * 1024, 'soak')

/** Sends so many bytes and takes them back at the same time; resolves to what was wrong, or null. */
export async function huge(url: URL, bytes: number): Promise<string | null> {
  const headers = { 'X-Okapi-Tenant': 'diku', 'Content-Length': String(bytes) }
  const sent = request(url, { method: 'POST', headers, agent: false })
  const there = createHash('sha256')
  const back = createHash('sha256')
  const pour = async () => {
    for (let at = 0; at < bytes; at += PIECE.length) {
      PIECE.writeDoubleBE(at)
      const piece = Buffer.from(PIECE)
      there.update(piece)
      if (!sent.write(piece)) await once(sent, 'drain')
    }
    sent.end()
  }
  try {
    const pouring = pour()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    for await (const part of response) back.update(part)
    await pouring
    if (response.statusCode !== 200) return `${response.statusCode}`
    return there.digest('hex') === back.digest('hex') ? null : 'not what was sent'
  } catch (error) {
    return String(error)
  }
}
