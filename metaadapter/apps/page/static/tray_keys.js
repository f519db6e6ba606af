/**
 * The keys of the tray. They work while the focus is in the tray, its tools or the bar below it, or
 * nowhere, so that a click on a button does not end them; not in fields and dialogs, and not in the
 * lines above the tray that have buttons of their own. Without a current picture, a key that would
 * sort or remove one only makes the first one current, for a person has not seen which it is.
 */

const PLACES = "#sorting, #dock";
const OTHERS = "#advice, #frames";
const NEEDS_PICTURE = /^([0-9]|Delete|Backspace)$/;

/** @param tray - a Tray. */
export function listenToKeys(tray) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || !tray.size || !isForTray(event)) return;
    const action = actionOf(event, tray);
    if (!action) return;
    event.preventDefault();
    const hasPicture = tray.selected.length > 0;
    tray.focus();
    if (hasPicture || !NEEDS_PICTURE.test(event.key)) action();
  });
}

function isForTray({ target, key }) {
  if (document.querySelector("dialog[open]") || target.closest("input, select, textarea")) return false;
  if (target.closest("button, summary, a") && (key === "Enter" || key === " ")) return false;
  return target === document.body || (target.closest(PLACES) !== null && !target.closest(OTHERS));
}

function actionOf(event, tray) {
  const { shiftKey: extend } = event;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key; // also under Caps Lock
  if (event.altKey || (event.repeat && !key.startsWith("Arrow") && !key.startsWith("Page"))) return null;
  if (event.ctrlKey || event.metaKey) return key === "a" ? () => tray.selectAll() : null;
  if (/^[1-9]$/.test(key)) return () => tray.actions.putInto(Number(key) - 1);
  const rows = { ArrowUp: -1, ArrowDown: 1, PageUp: -tray.rowsInWindow, PageDown: tray.rowsInWindow }[key];
  if (rows !== undefined) return () => tray.moveRows(rows, { extend });
  const places = { ArrowLeft: -1, ArrowRight: 1, Home: -tray.size, End: tray.size }[key];
  if (places !== undefined) return () => tray.move(places, { extend });
  return {
    0: () => tray.actions.putIntoNone(),
    Enter: () => tray.actions.accept(),
    " ": () => tray.toggle(),
    Delete: () => tray.actions.remove(),
    Backspace: () => tray.actions.remove(),
    Escape: () => tray.selectNone(),
    a: () => tray.selectGroup(),
    b: () => tray.actions.takeBack(),
    c: () => tray.actions.chooseClass(),
    "/": () => tray.actions.chooseClass(),
    v: () => tray.enlarge(),
  }[key];
}
