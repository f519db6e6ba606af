/** Settings of the view, kept in this browser for each project: the order and the minimum. */

const PREFIX = "metaadapter view: ";
let project = null;
let values = {};

/** Reads the settings of a project; returns whether they were read just now. */
export function readSettings(name) {
  if (name === project) return false;
  project = name;
  try {
    values = JSON.parse(localStorage.getItem(PREFIX + name)) ?? {};
  } catch {
    values = {}; // storage that is switched off or damaged
  }
  return true;
}

/** The settings; a value that is set is kept. */
export const settings = new Proxy(
  {},
  {
    get: (_, key) => values[key],
    set: (_, key, value) => {
      values = { ...values, [key]: value };
      try {
        localStorage.setItem(PREFIX + project, JSON.stringify(values));
      } catch {
        // storage that is switched off or full: the setting lasts until the page is closed
      }
      return true;
    },
  },
);
