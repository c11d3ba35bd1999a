/** The tenant that the demo's library runs for. */
export const TENANT = 'diku'

/** A user of the demo. */
export interface Person {
  readonly id: string
  readonly username: string
  readonly name: string
}

/** A librarian. She may read notes, tags and the list of users. */
export const ANNA: Person = {
  id: '8c3f8a5e-2f64-4d6e-9b1d-0a4e5c1f7d10',
  username: 'anna',
  name: 'Anna Lind',
}

/** Another user, whose record is worth stealing. */
export const BO: Person = {
  id: '1b7d4f0a-6f0e-4f43-8a51-7a3f5f7a9c22',
  username: 'bo',
  name: 'Bo Larsen',
}

/** The note that the one honest call of the demo asks for. */
export const NOTE_ID = '5d0a1c4e-93c5-4a0f-8a30-2c7f6b9e1d01'
