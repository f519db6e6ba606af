/** Values that this browser keeps. Where it is set to store nothing, they are lost. */

export function kept(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? otherwise;
  } catch {
    return otherwise; // also if the value is damaged
  }
}

/** Keeps a value; returns whether the storage did. */
export function keep(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

/** The name of the person at this browser, which others see with the changes that it makes. */
export const author = () => kept("name", "");

/** How this browser shows a project: its order and its minimum. */
export const viewOf = (folder) => kept(`view ${folder}`, {});
export const keepView = (folder, change) => keep(`view ${folder}`, { ...viewOf(folder), ...change });
