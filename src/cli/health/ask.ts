import { type RequestOptions, request } from 'node:http'
import { errorCode } from '../../fault.ts'

/** What was answered; `problem` says why nothing was. */
export interface Asked {
  /** True for 200 to 299. */
  readonly healthy: boolean
  readonly status: number | null
  readonly body: string
  readonly problem: string | null
}

const MAX_BODY_BYTES = 64 * 1024

/**
 * One GET on a connection of its own, nothing followed. Node's own client and not undici: what a
 * HEALTHCHECK starts every few seconds should load little.
 */
export function ask(
  {
    connect,
    path,
  }: { readonly connect: RequestOptions; readonly path: string; readonly url: string },
  withinMs: number,
): Promise<Asked> {
  const { promise, resolve } = Promise.withResolvers<Asked>()
  const failed = (problem: string) => resolve({ healthy: false, status: null, body: '', problem })
  const asking = request({ ...connect, path, agent: false }, (response) => {
    const { statusCode: status = 0 } = response
    const parts: Buffer[] = []
    let bytes = 0
    response.on('data', (part: Buffer) => {
      bytes += part.length
      if (bytes > MAX_BODY_BYTES)
        asking.destroy(new Error(`answers more than ${MAX_BODY_BYTES} bytes`))
      else parts.push(part)
    })
    response.on('error', (error) => failed(error.message))
    response.on('end', () => {
      const body = Buffer.concat(parts).toString('utf8')
      resolve({ healthy: status >= 200 && status < 300, status, body, problem: null })
    })
  })
  const late = setTimeout(() => {
    asking.destroy(new Error(`no answer within ${withinMs / 1000} s`))
  }, withinMs)
  asking.on('error', (error) => failed(words(error)))
  asking.on('close', () => clearTimeout(late))
  asking.end()
  return promise
}

function words(error: Error): string {
  const code = errorCode(error)
  if (code === 'ECONNREFUSED' || code === 'ENOENT') return 'nothing listens there'
  return code === undefined ? error.message : `${error.message || code}`
}
