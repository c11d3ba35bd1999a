// Plain JavaScript on purpose: what a bare TLS listener of this Node costs, with nothing to translate.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:tls'

const [port, directory] = process.argv.slice(2)
const read = (name) => readFileSync(`${directory}/${name}`)
createServer({
  key: read('tls.key'),
  cert: read('tls.crt'),
  ca: read('ca.crt'),
  requestCert: true,
}).listen(Number(port), '127.0.0.1')
