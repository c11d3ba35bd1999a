/**
 * The methods a routing entry may name: those that Vert.x knows, which is what Okapi's decoder
 * accepts (okapi-core RoutingEntry.setMethods). `*` stands for all.
 */
export const METHODS: readonly string[] =
  `GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT PROPFIND PROPPATCH MKCOL COPY MOVE LOCK
   UNLOCK MKCALENDAR VERSION-CONTROL REPORT CHECKIN CHECKOUT UNCHECKOUT MKWORKSPACE UPDATE LABEL
   MERGE BASELINE-CONTROL MKACTIVITY ORDERPATCH ACL SEARCH`.split(/\s+/)

/** The index of every method that is not in METHODS; only `*` matches it. */
export const OTHER_METHOD = METHODS.length

const indexes = new Map(METHODS.map((method, index) => [method, index]))

/** The place of a method in METHODS, or OTHER_METHOD; case counts. */
export function methodIndex(method: string): number {
  return indexes.get(method) ?? OTHER_METHOD
}

/** One bit for each method index that the names of a routing entry stand for. */
export function methodMask(methods: readonly string[]): number {
  let mask = 0
  for (const method of methods) mask |= method === '*' ? -1 : 1 << methodIndex(method)
  return mask
}
