/**
 * Who a share belongs to. `own`: the module beside us, which shares its listeners with nobody. `okapi`:
 * beside a module, Okapi, which asks for everybody. `unproven`: an address, of which there are many.
 */
export type ShareKind = 'own' | 'okapi' | 'proven' | 'unproven'

/** What one caller has open: an identity over all its connections, or one address. Integers only. */
export class Share {
  /** `mod-users-19.7.0`, `operator/anna`, `public/192.0.2.7`, `plain/2001:db8:0:1::/64`. */
  readonly name: string
  readonly standing: ShareKind
  connections = 0
  exchanges = 0
  /** Of the exchanges those towards each callee, by the callee's index. */
  readonly towards: number[] = []
  /** On links: exchanges of which something may still have to leave. */
  held = 0
  /** The most that may be held. */
  readonly mostHeld: number
  /** How often it was told `too-many`. */
  refused = 0

  constructor(name: string, standing: ShareKind, mostHeld: number) {
    this.name = name
    this.standing = standing
    this.mostHeld = mostHeld
  }
}
