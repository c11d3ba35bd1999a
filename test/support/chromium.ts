import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { patiently } from './patience.ts'

/** No display, no sandbox (tests run as root in containers), and no connections to the outside. */
const FLAGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic'],
  ...['--no-first-run', '--disable-background-networking', '--disable-component-update'],
  ...['--disable-sync', '--disable-extensions', '--hide-scrollbars', '--remote-debugging-port=0'],
]

type Value = Readonly<Record<string, unknown>>

interface Told {
  readonly id?: number
  readonly sessionId?: string
  readonly method?: string
  readonly params?: Value
  readonly result?: Value
  readonly error?: { readonly message: string }
}

/** One headless Chromium, spoken to over the DevTools protocol. */
export class Chromium {
  readonly #child: ChildProcess
  readonly #directory: string
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, (told: Told) => void>()
  readonly #pages = new Map<string, (told: Told) => void>()
  readonly #over: Promise<void>
  #last = 0

  private constructor(child: ChildProcess, directory: string, socket: WebSocket) {
    this.#child = child
    this.#directory = directory
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => this.#read(JSON.parse(String(data))))
    // A question that is unanswered by then stays unanswered.
    socket.addEventListener('close', () => {
      for (const [id, tell] of this.#waiting) tell({ id, error: { message: 'chromium is gone' } })
      this.#waiting.clear()
    })
    this.#over = new Promise((resolve) => child.once('exit', () => resolve()))
  }

  /** Starts one with a profile of its own. */
  static async start(): Promise<Chromium> {
    const directory = await mkdtemp(join(tmpdir(), 'chromium-'))
    const child = spawn('chromium', [...FLAGS, `--user-data-dir=${directory}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    process.once('exit', () => child.kill('SIGKILL'))
    const socket = new WebSocket(await addressOf(child))
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve, { once: true })
      socket.addEventListener('error', reject, { once: true })
    })
    return new Chromium(child, directory, socket)
  }

  /** Opens a page and waits until it has loaded. */
  async open(url: string, look: Look = {}): Promise<Page> {
    const { targetId } = await this.ask('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.ask('Target.attachToTarget', { targetId, flatten: true })
    const page = new Page((method, params) => this.ask(method, params, String(sessionId)))
    this.#pages.set(String(sessionId), (told) => page.hear(told.method ?? '', told.params ?? {}))
    await page.load(url, look)
    return page
  }

  /** One command; an error of Chromium's is an Error here. */
  ask(method: string, params: Value = {}, sessionId?: string): Promise<Value> {
    const id = ++this.#last
    const { promise, resolve, reject } = Promise.withResolvers<Value>()
    this.#waiting.set(id, ({ error, result = {} }) => {
      if (error === undefined) resolve(result)
      else reject(new Error(`${method}: ${error.message}`))
    })
    if (this.#socket.readyState !== WebSocket.OPEN) {
      this.#read({ id, error: { message: 'chromium is gone' } })
    } else this.#socket.send(JSON.stringify({ id, method, params, sessionId }))
    return patiently(promise, () => `${method} is not answered by chromium`)
  }

  async close(): Promise<void> {
    // It may be gone before it has answered.
    await this.ask('Browser.close').catch(() => this.#child.kill('SIGKILL'))
    await patiently(this.#over, () => 'chromium does not end').finally(() => {
      this.#child.kill('SIGKILL')
    })
    this.#socket.close()
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5 })
  }

  #read(told: Told): void {
    if (told.id === undefined) return this.#pages.get(told.sessionId ?? '')?.(told)
    this.#waiting.get(told.id)?.(told)
    this.#waiting.delete(told.id)
  }
}

/** How a page is looked at. */
export interface Look {
  readonly dark?: boolean
  /** In CSS pixels; 1024 by 768 unless given. */
  readonly width?: number
  readonly height?: number
}

/** What assistive technology gets about one element of the page. */
export interface Spoken {
  readonly role: string
  readonly name: string
  /** Of a heading. */
  readonly level?: number
}

/** One page that is open. */
export class Page {
  /** Everything that Chromium complained of: console, exceptions, what a policy forbade or did not load. */
  readonly complaints: string[] = []
  /** Every address that the page asked for, its own first. */
  readonly asked: string[] = []
  readonly #ask: (method: string, params?: Value) => Promise<Value>
  #loaded: () => void = () => {}

  constructor(ask: (method: string, params?: Value) => Promise<Value>) {
    this.#ask = ask
  }

  async load(url: string, { dark = false, width = 1024, height = 768 }: Look): Promise<void> {
    for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'Accessibility']) {
      await this.#ask(`${domain}.enable`)
    }
    const value = dark ? 'dark' : 'light'
    await this.#ask('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value }],
    })
    const screen = { width, height, deviceScaleFactor: 1, mobile: false }
    await this.#ask('Emulation.setDeviceMetricsOverride', screen)
    const loaded = new Promise<void>((resolve) => {
      this.#loaded = resolve
    })
    const { errorText } = await this.#ask('Page.navigate', { url })
    if (errorText !== undefined) throw new Error(`${url}: ${String(errorText)}`)
    await patiently(loaded, () => `${url} does not come to its end`)
  }

  /** An event of this page. */
  hear(method: string, params: Value): void {
    if (method === 'Page.loadEventFired') this.#loaded()
    else if (method === 'Network.requestWillBeSent') this.#requested(params)
    else if (/^(?:Runtime\.(?:consoleAPICalled|exceptionThrown)|Log\.entryAdded)$/.test(method)) {
      this.complaints.push(JSON.stringify(params))
    } else if (method === 'Network.loadingFailed') this.complaints.push(JSON.stringify(params))
  }

  /** The value of an expression in the page. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.#ask('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    })
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails))
    return (result as { value?: unknown }).value
  }

  /** Clicks with the mouse, in the middle of the first element that fits. */
  async click(selector: string): Promise<void> {
    const found = await this.evaluate(`(() => {
      const one = document.querySelector(${JSON.stringify(selector)})
      one.scrollIntoView({ block: 'center' })
      const { x, y, width, height } = one.getBoundingClientRect()
      return { x: x + width / 2, y: y + height / 2 }
    })()`)
    const at = { ...(found as { x: number; y: number }), button: 'left', clickCount: 1 }
    await this.#ask('Input.dispatchMouseEvent', { type: 'mousePressed', ...at })
    await this.#ask('Input.dispatchMouseEvent', { type: 'mouseReleased', ...at })
  }

  /** Writes into the first element that fits, as a keyboard would. */
  async type(selector: string, text: string): Promise<void> {
    await this.evaluate(`document.querySelector(${JSON.stringify(selector)}).focus()`)
    await this.#ask('Input.insertText', { text })
  }

  /** What a screen reader reads, in its order, without hidden elements. */
  async spoken(): Promise<readonly Spoken[]> {
    const { nodes } = await this.#ask('Accessibility.getFullAXTree')
    return (nodes as readonly AxNode[])
      .filter(({ ignored }) => !ignored)
      .map(({ role, name, properties = [] }) => {
        const level = properties.find((one) => one.name === 'level')?.value.value
        const spoken = { role: role?.value ?? '', name: name?.value ?? '' }
        return level === undefined ? spoken : { ...spoken, level: Number(level) }
      })
  }

  /** 1 to 21; WCAG 2.2 section 1.4.3 wants 4.5 for text. */
  async lowestContrast(): Promise<number> {
    return Number(await this.evaluate(LOWEST_CONTRAST))
  }

  /** PNG of the whole page, or of what fits on the screen. */
  async screenshot(whole = true): Promise<Buffer> {
    const { data } = await this.#ask('Page.captureScreenshot', { captureBeyondViewport: whole })
    return Buffer.from(String(data), 'base64')
  }

  /** The page as it would be printed, PDF. */
  async print(): Promise<Buffer> {
    const { data } = await this.#ask('Page.printToPDF', { printBackground: false })
    return Buffer.from(String(data), 'base64')
  }

  #requested({ request }: Value): void {
    this.asked.push(String((request as { url?: unknown }).url))
  }
}

/** The contrast of every text on the page with what is behind it; the lowest of them. */
const LOWEST_CONTRAST = `(() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number)
  const light = (color) => {
    const [r, g, b] = rgb(color).map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor
      if (rgb(color)[3] !== 0) return color
    }
    return 'rgb(255, 255, 255)'
  }
  const ratios = [...document.querySelectorAll('body *')]
    .filter((one) => [...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim() !== ''))
    .map((one) => [light(getComputedStyle(one).color), light(behind(one))].sort((a, b) => b - a))
    .map(([more, less]) => (more + 0.05) / (less + 0.05))
  return Math.min(...ratios)
})()`

interface AxNode {
  readonly ignored: boolean
  readonly role?: { readonly value: string }
  readonly name?: { readonly value: string }
  readonly properties?: readonly {
    readonly name: string
    readonly value: { readonly value: unknown }
  }[]
}

/** Chromium says on its standard error where it listens. */
async function addressOf(child: ChildProcess): Promise<string> {
  const said: string[] = []
  for await (const line of createInterface({ input: child.stderr! })) {
    const address = /^DevTools listening on (ws:\S+)$/.exec(line)?.[1]
    if (address !== undefined) {
      child.stderr?.resume()
      return address
    }
    said.push(line)
  }
  throw new Error(`chromium did not start:\n${said.join('\n')}`)
}
