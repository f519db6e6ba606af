/**
 * Edits that the server does not have yet. The browser's storage keeps them, so that neither a
 * server that ends nor a page that is loaded again loses one.
 *
 * An edit is {method, path, json}; here it gets a key, by which the server does it only once, and
 * the folder of its project, because the server may open another one in the meantime.
 */
const PREFIX = "unsent ";
const TAB = random();

let n_made = 0;

/** Whether an edit or a step of the history comes from this tab. */
export const isOwn = ({ key }) => key.startsWith(TAB);

/** Gives an edit its key and its project, and keeps it; `isKept` says whether the storage did. */
export function keep(edit, project) {
  n_made += 1;
  const made = { ...edit, project, key: `${TAB}-${n_made}`, at: Date.now() };
  try {
    localStorage.setItem(PREFIX + made.key, JSON.stringify({ ...made, n: n_made }));
    return { ...made, isKept: true };
  } catch {
    return { ...made, isKept: false }; // the storage is full, or the browser is set to store nothing
  }
}

/** A text that nobody else has. */
export function random() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Forgets an edit that the server has done or refused. */
export function forget({ key }) {
  try {
    localStorage.removeItem(PREFIX + key);
  } catch {
    // nothing was kept
  }
}

/** The edits of a project that are kept, those of other tabs and of earlier pages too. */
export function leftOver(project) {
  try {
    return Object.keys(localStorage)
      .filter((name) => name.startsWith(PREFIX))
      .map(read)
      .filter((edit) => edit?.key && edit.project === project)
      .sort((a, b) => a.at - b.at || a.n - b.n);
  } catch {
    return []; // the browser is set to store nothing
  }
}

/** An edit that is kept; null if it is damaged. */
function read(name) {
  try {
    return { ...JSON.parse(localStorage.getItem(name)), isKept: true };
  } catch {
    return null;
  }
}
