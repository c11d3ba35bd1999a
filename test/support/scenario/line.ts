/** A line of the log. */
export interface Line {
  readonly msg?: string
  readonly level?: string
  readonly listening?: Readonly<Record<string, string>>
  readonly direction?: string
  readonly caller?: string
  readonly at?: string
  readonly method?: string
  readonly route?: string
  readonly status?: number
  readonly reason?: string
  readonly because?: string
  readonly rule?: string
  readonly wouldDeny?: string
  readonly interface?: string
  readonly provider?: string
  readonly tenant?: string
  readonly requestId?: string
  readonly audit?: string
  readonly userId?: string
  readonly upstream?: string
  readonly peer?: string
  readonly result?: string
  readonly generation?: number
  readonly connections?: number
  readonly drained?: boolean
  readonly changed?: unknown
  readonly problems?: readonly string[]
  readonly problem?: string
  readonly plainUntil?: string
  readonly [more: string]: unknown
}
