import { message } from '../../src/postgres/protocol.ts'

// Packets of PostgreSQL's protocol, also those that no client would send.

export const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])
export const GSSENC_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30])

/** A start-up message with these parameters. */
export function startupPacket(
  parameters: Readonly<Record<string, string>>,
  major = 3,
  minor = 0,
): Buffer {
  const text = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`)
  const body = Buffer.from(`${text.join('')}\0`)
  const head = Buffer.alloc(8)
  head.writeInt32BE(8 + body.length, 0)
  head.writeUInt16BE(major, 4)
  head.writeUInt16BE(minor, 6)
  return Buffer.concat([head, body])
}

export function cancelPacket(processId: number, key: Buffer): Buffer {
  const head = Buffer.alloc(12)
  head.writeInt32BE(12 + key.length, 0)
  head.writeInt32BE(80877102, 4)
  head.writeInt32BE(processId, 8)
  return Buffer.concat([head, key])
}

/** AuthenticationXXX of the server. */
export function authentication(code: number, more = ''): Buffer {
  const body = Buffer.alloc(4)
  body.writeInt32BE(code)
  return message(0x52, Buffer.concat([body, Buffer.from(more, 'latin1')]))
}

export function parameterStatus(name: string, value: string): Buffer {
  return message(0x53, Buffer.from(`${name}\0${value}\0`))
}

export function backendKey(processId: number, key: Buffer): Buffer {
  const body = Buffer.alloc(4)
  body.writeInt32BE(processId)
  return message(0x4b, Buffer.concat([body, key]))
}

/** RowDescription of one column of text. */
export function rowDescription(name: string): Buffer {
  const column = Buffer.alloc(18)
  column.writeInt32BE(25, 6)
  column.writeInt16BE(-1, 10)
  column.writeInt32BE(-1, 12)
  return message(0x54, Buffer.concat([Buffer.from([0, 1]), Buffer.from(`${name}\0`), column]))
}

/** DataRow of one column. */
export function dataRow(value: string): Buffer {
  const head = Buffer.from([0, 1, 0, 0, 0, Buffer.byteLength(value)])
  return message(0x44, Buffer.concat([head, Buffer.from(value)]))
}

export function commandComplete(tag: string): Buffer {
  return message(0x43, Buffer.from(`${tag}\0`))
}

export function errorPacket(code: string, text: string): Buffer {
  return message(0x45, Buffer.from(`SERROR\0C${code}\0M${text}\0\0`))
}

export function readyForQuery(status = 'I'): Buffer {
  return message(0x5a, Buffer.from(status))
}

/** The fields of an ErrorResponse by their letter; undefined where it is none. */
export function errorFields(bytes: Buffer): Readonly<Record<string, string>> | undefined {
  if (bytes[0] !== 0x45) return undefined
  const fields = bytes
    .subarray(5)
    .toString()
    .split('\0')
    .filter((field) => field !== '')
  return Object.fromEntries(fields.map((field) => [field[0]!, field.slice(1)]))
}
