import { freePorts } from '../../src/demo/child.ts'

/** A free port of 127.0.0.1; five digits, so that every request is equally long. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}
