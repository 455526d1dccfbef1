/** How many samples may be listed: what needs a number for each of them in memory says so before it begins. */
import { rangeError } from '../common/checks'

/** The most samples whose numbers are kept in memory at once: four to forty bytes each, by what is done with them. */
const MOST_LISTED = 2 ** 26

/** Checks that there are few enough samples to be listed. `remedy` says what to do else. */
export function checkListed(length: number, name: string, remedy: string, most = MOST_LISTED): number {
  if (length <= most) return length
  throw rangeError(`at most ${most} samples (${remedy})`, name, length)
}
