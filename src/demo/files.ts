import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

// Bundled, this code lies in a folder beside `demo`, and everything is JavaScript.
const EXTENSION = extname(new URL(import.meta.url).pathname)

/** The program itself. */
export const MAIN = fileURLToPath(new URL(`../main${EXTENSION}`, import.meta.url))

/** The descriptors of all members of the demo. */
export const DESCRIPTORS = fileURLToPath(new URL('../demo/descriptors', import.meta.url))

/** The file of a process: `mod-users`, `okapi-stand-in`. */
export function processFile(name: string): string {
  return fileURLToPath(new URL(`../demo/${name}${EXTENSION}`, import.meta.url))
}
