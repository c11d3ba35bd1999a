/** One trick, as bytes (Latin-1). `{P}` stands for what a listener needs in front of every path. */
export interface Trick {
  readonly what: string
  /** The class of vulnerability that it is named after. */
  readonly kin: string
  readonly bytes: string
  /**
   * `refused`: answered with 400, 414, 431 or 505, and the upstream sees nothing. `crosses`: one
   * harmless request goes on. `breaks`: the body turns out to be broken while it is being forwarded.
   */
  readonly becomes: 'refused' | 'crosses' | 'breaks'
}

/** What a trick tries to get through behind its own request. */
export const SMUGGLED = 'GET {P}/smuggled HTTP/1.1\r\nHost: x\r\n\r\n'

/** A request with these lines and this body. */
export function post(lines: readonly string[], body = ''): string {
  return [`POST {P}/a HTTP/1.1`, 'Host: x', ...lines, '', ''].join('\r\n') + body
}
