/**
 * Edits that the server does not have yet. The browser's storage keeps them, so that neither a
 * server that ends nor a page that is loaded again loses one.
 *
 * An edit is {method, path, json}; here it gets a key, by which the server does it only once, and
 * the folder of its project, because the server may open another one in the meantime.
 */
import { keep, kept } from "./storage.js";

const PREFIX = "unsent ";
const TAB = random();

let n_made = 0;

/** A text that nobody else has. */
export function random() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether an edit or a step of the history comes from this tab. */
export const isOwn = ({ key }) => key.startsWith(TAB);

/** Gives an edit its key and its project, and keeps it; `isKept` says whether the storage did. */
export function post(edit, project) {
  n_made += 1;
  const made = { ...edit, project, key: `${TAB}-${n_made}`, at: Date.now(), n: n_made };
  const isKept = keep(PREFIX + made.key, made);
  return { ...made, isKept };
}

/** Forgets an edit that the server has done or refused. */
export function forget({ key }) {
  if (kept(PREFIX + key, null)) localStorage.removeItem(PREFIX + key);
}

/** The edits of a project that are kept, those of other tabs and of earlier pages too. */
export function leftOver(project) {
  return all()
    .filter((edit) => edit.project === project)
    .sort((a, b) => a.at - b.at || a.n - b.n);
}

/** All edits that are kept and not damaged. */
function all() {
  try {
    const names = Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
    return names.map((name) => kept(name, null)).filter((edit) => edit?.key).map((edit) => ({ ...edit, isKept: true }));
  } catch {
    return []; // the browser is set to store nothing
  }
}
