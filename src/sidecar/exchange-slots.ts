import type { Config } from '../config/config.ts'
import { besideOkapi } from '../listeners/listener.ts'
import { type ExchangeSlots, exchangeMemory, OpenExchanges } from '../proxy/open-exchanges.ts'

/**
 * How many exchanges one thread may have to record: as many as may be open from outside; 0: none.
 */
export function slotsOf(config: Config): number {
  if (!besideOkapi(config) || config.modules === undefined) return 0
  const { exchanges, exchangesToModule } = config.limits
  return Math.min(exchanges, exchangesToModule)
}

/** Where this thread records exchanges: in the memory that it was given, or in its own. */
export function exchangesOf(config: Config, handed?: ExchangeSlots): OpenExchanges | undefined {
  if (handed !== undefined) return new OpenExchanges(handed)
  const to = slotsOf(config)
  return to === 0 ? undefined : new OpenExchanges({ memory: exchangeMemory(to), from: 0, to })
}
