import type { PathCell } from './shared-path.ts'

const URL_WITH_PATH = /^https?:\/\/[^/?#\s]+((?:\/[A-Za-z0-9._~-]+)*)\/?$/i

/**
 * Okapi's address as the module sees it: the sidecar's egress. The path of the real address is
 * kept, because mod-login and mod-login-saml put it into a cookie's Path; the egress removes it
 * again.
 */
export class OkapiUrl {
  #origin: string
  /** The path that requests of the module may begin with, from Okapi's last call. */
  readonly #cell: PathCell
  /** Of `#original`. */
  #path: string
  #original = ''
  #rewritten: string

  /**
   * @param url scheme, host and port, without a trailing slash. Its path is known before Okapi's
   * first call: a Kafka consumer starts with an X-Okapi-Url that another module's sidecar has
   * written.
   * @param cell where the path is remembered; one for all threads if there are several
   */
  constructor(url: string, cell: PathCell = { path: '' }) {
    this.#cell = cell
    this.#path = URL_WITH_PATH.exec(url)?.[1] ?? ''
    // Another thread may have learned one by now.
    if (this.#path !== '') cell.path = this.#path
    this.#origin = url.slice(0, url.length - this.#path.length)
    this.#rewritten = url
  }

  /** The egress is bound: this is its address. */
  movedTo(origin: string): void {
    this.#origin = origin
    this.#original = ''
    this.#rewritten = origin
  }

  /** Scheme, host and port, for a caller whose path is not trusted. */
  get origin(): string {
    return this.#origin
  }

  /** The path that requests of the module may begin with; '' for none. */
  get path(): string {
    return this.#cell.path
  }

  /** X-Okapi-Url as Okapi sent it, as the module gets it. Remembers the path for the egress. */
  rewrite(original: string): string {
    if (original === this.#original) {
      this.#cell.path = this.#path
      return this.#rewritten
    }
    const match = URL_WITH_PATH.exec(original)
    const path = match?.[1] ?? ''
    // A dot segment here would make the egress take off something else than what was added.
    this.#path = path.split('/').some((segment) => segment === '.' || segment === '..') ? '' : path
    this.#cell.path = this.#path
    this.#original = original
    this.#rewritten = `${this.#origin}${this.#path}`
    return this.#rewritten
  }

  /** A Location that begins with the URL that the module was told gets the original back. */
  restore(location: string, original: string, rewritten = this.rewrite(original)): string {
    if (!location.startsWith(rewritten)) return location
    const rest = location.slice(rewritten.length)
    if (rest !== '' && !'/?#'.includes(rest.charAt(0))) return location
    return `${original.replace(/\/$/, '')}${rest}`
  }

  /** How many bytes of this target are the remembered path. */
  prefixLength(bytes: Buffer, start: number, end: number): number {
    const { path } = this.#cell
    const { length } = path
    if (length === 0 || end - start <= length) return 0
    if (bytes[start + length] !== 0x2f) return 0
    return bytes.toString('latin1', start, start + length) === path ? length : 0
  }
}
