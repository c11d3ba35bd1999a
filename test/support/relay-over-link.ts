import { startLinkRelay } from './link-relay.ts'
import { relayBy } from './relay.ts'

relayBy(startLinkRelay)
