import { targetTrick } from '../target-trick.ts'

/** Tomcat resolves `..;` as a dot segment (Apache Tomcat’s classic behind proxies). */
export const pathSemicolonDots = targetTrick({
  id: 'path-semicolon-dots',
  title: 'dots behind a semicolon: /..;/',
  target: ({ ordinaryPath }) => `${ordinaryPath}/..;/admin/jstack`,
})
