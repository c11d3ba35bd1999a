import { randomInt } from 'node:crypto'
import { FOLD } from './bytes.ts'

/** Nobody outside knows them, so nobody can make names that share a hash. */
const SEED = randomInt(2 ** 31)
const FACTOR = 2 * randomInt(2 ** 30) + 1

/** Of a field name, whatever its case: names whose hashes differ are different (FNV-1a, with a seed). */
export function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = SEED
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ FOLD[bytes[i]!]!, FACTOR)
  return hash
}
