/** How many samples may be listed: what needs a number for each of them in memory says so before it begins. */
import { checkInteger, rangeError } from '../common/checks'

/** The most samples whose numbers are kept in memory at once: four to forty bytes each, by what is done with them. */
const MOST_LISTED = 2 ** 26

/** Checks how many samples there are, and that they are few enough to be listed. `remedy` says what to do else. */
export function checkListed(length: unknown, name: string, remedy: string, most = MOST_LISTED): number {
  const count = checkInteger(length, name, 0)
  if (count <= most) return count
  throw rangeError(`at most ${most} samples (${remedy})`, name, length)
}
