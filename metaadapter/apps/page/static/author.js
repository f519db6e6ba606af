/** The name of the person at this browser, which others see with the changes that it makes. */
const KEPT = "name";

export function author() {
  try {
    return localStorage.getItem(KEPT) ?? "";
  } catch {
    return "";
  }
}

export function setAuthor(name) {
  try {
    localStorage.setItem(KEPT, name.trim());
  } catch {
    // the browser is set to store nothing
  }
}
