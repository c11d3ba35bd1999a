/**
 * `node:http`, not imported: for an import Node makes a facade of all exports, and to read one of
 * them (`WebSocket`) loads a second HTTP client, 4 MB of memory that every sidecar would carry.
 */
const http = process.getBuiltinModule('node:http')

export const { createServer, request, STATUS_CODES } = http
