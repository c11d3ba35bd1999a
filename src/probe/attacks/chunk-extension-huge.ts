import { framingTrick } from '../framing-trick.ts'

/** A byte of data costs kilobytes of extension: CVE-2023-39326, CVE-2024-22019. */
export const chunkExtensionHuge = framingTrick({
  id: 'chunk-extension-huge',
  title: 'chunk extensions without end',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  message() {
    return {
      lines: [['Transfer-Encoding', 'chunked']],
      body: `1;${'a'.repeat(256 * 1024)}\r\nx\r\n0\r\n\r\n`,
    }
  },
})
