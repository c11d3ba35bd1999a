import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A real nginx, told by a file of its own, in a folder of its own. */
export class Nginx {
  readonly #child: ChildProcess
  readonly #directory: string

  private constructor(child: ChildProcess, directory: string) {
    this.#child = child
    this.#directory = directory
  }

  /** Starts one; `http` is what stands in the http block. Resolves when it listens. */
  static async start(http: string): Promise<Nginx> {
    const directory = await mkdtemp(join(tmpdir(), 'nginx-'))
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${directory}/${name};`)
      .join('\n')
    const file = join(directory, 'nginx.conf')
    await writeFile(
      file,
      `daemon off; user root; worker_processes 1; pid ${directory}/pid;
error_log stderr notice;
events {}
http { access_log off;
${temporary}
${http}
}`,
    )
    const child = spawn('nginx', ['-p', directory, '-c', file], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    process.once('exit', () => child.kill('SIGKILL'))
    const nginx = new Nginx(child, directory)
    await nginx.#started()
    return nginx
  }

  async close(): Promise<void> {
    const over = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await over
    await rm(this.#directory, { recursive: true, force: true })
  }

  async #started(): Promise<void> {
    const said: string[] = []
    for await (const line of createInterface({ input: this.#child.stderr! })) {
      if (line.includes('start worker process ')) return void this.#child.stderr?.resume()
      said.push(line)
    }
    throw new Error(`nginx did not start:\n${said.join('\n')}`)
  }
}
