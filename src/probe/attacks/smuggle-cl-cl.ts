import { framingTrick, hidden } from '../framing-trick.ts'

/** RFC 9112 section 6.3: unrecoverable; one reader takes the first, another the last. */
export const smuggleClCl = framingTrick({
  id: 'smuggle-cl-cl',
  title: 'two different Content-Length',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  message(context) {
    const body = hidden(context)
    return {
      lines: [
        ['Content-Length', '0'],
        ['Content-Length', String(body.length)],
      ],
      body,
    }
  },
})
