import type { Attack } from '../attack.ts'
import { pathBackslash } from '../attacks/path-backslash.ts'
import { pathBrokenPercent } from '../attacks/path-broken-percent.ts'
import { pathDotDot } from '../attacks/path-dot-dot.ts'
import { pathDoubleEncoded } from '../attacks/path-double-encoded.ts'
import { pathDoubleSlash } from '../attacks/path-double-slash.ts'
import { pathEncodedBackslash } from '../attacks/path-encoded-backslash.ts'
import { pathEncodedDots } from '../attacks/path-encoded-dots.ts'
import { pathEncodedHash } from '../attacks/path-encoded-hash.ts'
import { pathEncodedPercent } from '../attacks/path-encoded-percent.ts'
import { pathEncodedSemicolon } from '../attacks/path-encoded-semicolon.ts'
import { pathEncodedSlash } from '../attacks/path-encoded-slash.ts'
import { pathHash } from '../attacks/path-hash.ts'
import { pathMixedDots } from '../attacks/path-mixed-dots.ts'
import { pathNul } from '../attacks/path-nul.ts'
import { pathOverlongUtf8 } from '../attacks/path-overlong-utf8.ts'
import { pathRawUtf8 } from '../attacks/path-raw-utf8.ts'
import { pathSemicolon } from '../attacks/path-semicolon.ts'
import { pathSemicolonDots } from '../attacks/path-semicolon-dots.ts'
import { pathUpperCase } from '../attacks/path-upper-case.ts'
import { targetAbsolute } from '../attacks/target-absolute.ts'
import { targetAsterisk } from '../attacks/target-asterisk.ts'
import { targetAuthority } from '../attacks/target-authority.ts'
import { targetBlank } from '../attacks/target-blank.ts'
import { targetTab } from '../attacks/target-tab.ts'
import { targetWithoutSlash } from '../attacks/target-without-slash.ts'

/** Two readers, two paths. */
export const TARGET: readonly Attack[] = [
  pathBackslash,
  pathBrokenPercent,
  pathDotDot,
  pathDoubleEncoded,
  pathDoubleSlash,
  pathEncodedBackslash,
  pathEncodedDots,
  pathEncodedHash,
  pathEncodedPercent,
  pathEncodedSemicolon,
  pathEncodedSlash,
  pathHash,
  pathMixedDots,
  pathNul,
  pathOverlongUtf8,
  pathRawUtf8,
  pathSemicolonDots,
  pathSemicolon,
  pathUpperCase,
  targetAbsolute,
  targetAsterisk,
  targetAuthority,
  targetBlank,
  targetTab,
  targetWithoutSlash,
]
