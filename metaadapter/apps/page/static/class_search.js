/** The search for a class by its name or number. Pure functions. */

/**
 * The classes that match a text, the best first: the number, a name that begins with the text, a
 * word that does, a name that holds it. Without a text, the suggested classes come first.
 *
 * @param {{id: string, name: string, number: number}[]} classes - in the order of the page.
 * @param {string[]} suggested - ids of classes.
 */
export function matching(classes, text, suggested = []) {
  const sought = plain(text.trim());
  const rankOf = sought
    ? (entry) => quality(entry, sought)
    : ({ id }) => (suggested.includes(id) ? suggested.indexOf(id) : suggested.length);
  return classes
    .map((entry) => ({ entry, rank: rankOf(entry) }))
    .filter(({ rank }) => rank !== null)
    .sort((a, b) => a.rank - b.rank)
    .map(({ entry }) => entry);
}

/** Whether two names are the same for a reader: case, spaces, underscores and invisible characters do not count. */
export const isSameName = (one, other) => plain(one.trim()) === plain(other.trim());

function quality({ name, number }, sought) {
  const text = plain(name);
  if (String(number) === sought || text === sought) return 0;
  if (text.startsWith(sought)) return 1;
  if (text.includes(` ${sought}`)) return 2;
  return text.includes(sought) ? 3 : null;
}

const plain = (text) =>
  text.normalize("NFKD").replace(/\p{Diacritic}|\p{Cf}/gu, "").replace(/[\s_]+/g, " ").toLowerCase();
