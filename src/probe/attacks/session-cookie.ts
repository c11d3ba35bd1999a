import { lineTrick } from '../line-trick.ts'

/** TokenHeader.check: Okapi takes the cookie for X-Okapi-Token. */
export const sessionCookie = lineTrick({
  id: 'session-cookie',
  title: 'a user’s session cookie from a module',
  meaning: 'A module goes on as the user whose browser it answered, past its own token.',
  remedy: 'Refuse folioAccessToken and folioRefreshToken from modules.',
  needs: ['credentials'],
  against: 'okapi',
  lines: ({ token = 'a.b.c' }, honest) => [
    ...honest.filter(([name]) => name !== 'X-Okapi-Token'),
    ['Cookie', `folioAccessToken=${token}`],
  ],
})
