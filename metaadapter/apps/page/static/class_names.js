/** Names of classes: the search by name or number, and new classes. */
import { readOut } from "./messages.js";
import { project } from "./project.js";
import { say } from "./words.js";

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

/** Adds classes with these names; returns whether all of them are free. */
export async function addClasses(names) {
  const known = project.classes.map(({ name }) => name);
  const areFree = names.every((name, at) => ![...known, ...names.slice(0, at)].some((other) => isSameName(other, name)));
  const made = names.map((name) => project.addClass(name));
  if (!areFree) return (await Promise.all(made)).every(Boolean); // the server says why not
  readOut(say("class_added", { name: names.join(", ") }));
  return true;
}

/** Adds a class; returns its id, or null if the name is not free. */
export async function addedClass(name) {
  if (!(await addClasses([name]))) return null;
  return project.classes.find((entry) => isSameName(entry.name, name))?.id ?? null;
}
