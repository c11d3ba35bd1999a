import { forWriting } from '../context.ts'
import { honest } from '../http.ts'
import { lineTrick } from '../line-trick.ts'

export const methodOverride = lineTrick({
  id: 'method-override',
  title: 'another method in a header',
  meaning: 'A framework behind serves another method than the one judged.',
  remedy: 'Refuse the headers by which frameworks let a method be replaced.',
  needs: ['credentials'],
  against: 'okapi',
  lines: (context) => [
    ...honest(forWriting(context)),
    ['X-HTTP-Method-Override', 'DELETE'],
    ['X-Method-Override', 'DELETE'],
    ['X-HTTP-Method', 'DELETE'],
  ],
})
