import { extname } from 'node:path'

// Bundled, this code lies in a folder beside `sidecar`, and everything is JavaScript.
const EXTENSION = extname(new URL(import.meta.url).pathname)

/** Where a thread that serves begins: an entry point of its own, in the bundle too. */
export const WORKER_FILE = new URL(`../sidecar/workers/thread${EXTENSION}`, import.meta.url)
