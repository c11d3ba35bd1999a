import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LOAD_CPU } from '../measure/pinning.ts'
import { type Measured, start } from '../measure/process.ts'
import { folio, SIZES, TOKEN_PATH, UPLOAD_PATH } from '../scenarios.ts'

/** The module that answers: an nginx that does as little as it can, on the CPU of the load. */
export async function startBackend(
  nginx: string,
  directory: string,
  port: number,
): Promise<Measured> {
  const [home, www] = [join(directory, 'backend'), join(directory, 'backend', 'www')]
  await mkdir(www, { recursive: true })
  for (const size of SIZES) await writeFile(join(www, String(size)), textOf(size))
  const file = join(home, 'nginx.conf')
  await writeFile(file, configuration(home, www, port))
  return start({
    name: 'the backend',
    command: [nginx, '-e', join(home, 'error.log'), '-c', file],
    cpu: LOAD_CPU,
    port,
    errorFile: join(home, 'error.log'),
  })
}

/** JSON of about 1 KB, as a page of a collection. */
function answer(): string {
  const items: unknown[] = []
  for (let id = 0; JSON.stringify({ items }).length < 990; id++)
    items.push({ id, name: `item-${id}` })
  return JSON.stringify({ items })
}

function textOf(bytes: number): string {
  return '{"name":"shelf","ok":true}\n'.repeat(Math.ceil(bytes / 27)).slice(0, bytes)
}

function configuration(home: string, www: string, port: number): string {
  return `
    ${inDirectory(home)}
    http {
      ${temporaryFiles(home)}
      access_log off; keepalive_requests 1000000000; keepalive_timeout 600; sendfile on;
      default_type application/json;
      upstream self { server 127.0.0.1:${port}; keepalive 64; keepalive_requests 1000000000; }
      server {
        listen 127.0.0.1:${port} backlog=4096;
        location = ${TOKEN_PATH} { add_header X-Okapi-Token ${folio().headers['X-Okapi-Token']}; return 200; }
        # nginx answers before it has read a body, unless it sends something on: no module does.
        location = ${UPLOAD_PATH} {
          client_body_buffer_size 2m; client_max_body_size 64m;
          proxy_method GET; proxy_pass_request_body off; proxy_set_header Content-Length "";
          proxy_http_version 1.1; proxy_set_header Connection "";
          proxy_pass http://self/items;
        }
        location /items/ { alias ${www}/; }
        location / { return 200 '${answer()}'; }
      }
    }`
}

/** What every nginx here has in common: one worker, in the foreground, files where they may be. */
export function inDirectory(home: string): string {
  // Started by root, workers would become a user who may not look into this directory.
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  return `${user} worker_processes 1; daemon off; pid ${home}/nginx.pid;
    events { worker_connections 8192; }`
}

export function temporaryFiles(home: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return kinds.map((kind) => `${kind}_temp_path ${home}/${kind};`).join(' ')
}
