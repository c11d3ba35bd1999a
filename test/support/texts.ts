import fc from 'fast-check'

/** Half of a surrogate pair is no character. */
const [FIRST_SURROGATE, SURROGATES] = [0xd800, 0x800]

/**
 * Any character of Unicode, as fast-check's `unit: 'binary'`, which first makes a table of all: a second of
 * CPU time for each place that uses it.
 */
export const anyCharacter: fc.Arbitrary<string> = fc
  .nat(0x10ffff - SURROGATES)
  .map((n) => String.fromCodePoint(n < FIRST_SURROGATE ? n : n + SURROGATES))

/** Of characters, of what readers see as one, of printable ASCII. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: anyCharacter }),
  fc.string({ unit: 'grapheme' }),
  fc.string(),
)
