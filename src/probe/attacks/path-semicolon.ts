import { targetTrick } from '../target-trick.ts'

/** Tomcat and Jetty cut `;…` off each segment before they route. */
export const pathSemicolon = targetTrick({
  id: 'path-semicolon',
  title: 'a path parameter: ;x=y',
  target: ({ ordinaryPath }) => `${ordinaryPath};/../admin/jstack`,
})
