import { framingTrick, hidden } from '../framing-trick.ts'

/** One reader ends the size line there, another at the CRLF behind (TERM.EXT). */
export const chunkExtensionLf = framingTrick({
  id: 'chunk-extension-lf',
  title: 'a bare LF in a chunk extension',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  message(context) {
    const body = `0;a\nb\r\n\r\n${hidden(context)}`
    return { lines: [['Transfer-Encoding', 'chunked']], body }
  },
})
