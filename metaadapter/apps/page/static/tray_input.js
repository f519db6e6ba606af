/**
 * The mouse, touch and keys of the tray.
 *
 * Keys work while the focus is in the tray, its tools or the bar below it, or nowhere, so that a
 * click on a button does not end them; not in fields and dialogs, and not in the lines above the
 * tray that have buttons of their own.
 */
import { byId } from "./html.js";
import { actionOf, keyOf, repeatsInVain } from "./keys.js";
import { showKeys } from "./keys_dialog.js";
import { tray } from "./tray.js";
import { actions } from "./tray_actions.js";
import { drag } from "./uploads.js";

const PLACES = "#sorting, #dock";
const OTHERS = "#advice, #frames";
const CHANGES = /^([0-9b]|Enter|Delete|Backspace)$/i;
const MOVES = {
  ArrowUp: (options) => tray.moveRows(-1, options),
  ArrowDown: (options) => tray.moveRows(1, options),
  PageUp: (options) => tray.moveWindows(-1, options),
  PageDown: (options) => tray.moveWindows(1, options),
  ArrowLeft: (options) => tray.move(-1, options),
  ArrowRight: (options) => tray.move(1, options),
  Home: (options) => tray.move(-Infinity, options),
  End: (options) => tray.move(Infinity, options),
};
const KEYS = {
  ...actions,
  showKeys,
  " ": () => tray.toggle(),
  Escape: () => tray.selectNone(),
  a: () => tray.selectGroup(),
  v: () => tray.enlarge(),
};

function isForTray({ target, key }) {
  if (document.querySelector("dialog[open]") || target.closest("input, select, textarea")) return false;
  if (target.closest("button, summary, a") && (key === "Enter" || key === " ")) return false;
  return target === document.body || (target.closest(PLACES) !== null && !target.closest(OTHERS));
}

function trayAction(event) {
  const key = keyOf(event);
  if (event.altKey || repeatsInVain(event)) return null;
  if (event.ctrlKey || event.metaKey) return key === "a" ? () => tray.selectAll() : null;
  return MOVES[key] ? () => MOVES[key]({ extend: event.shiftKey }) : actionOf(event, KEYS);
}

/** Listens to what a person does in the tray. */
export function listenInTray() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || !(tray.selected.length || event.key === "?") || !isForTray(event)) return;
    const action = trayAction(event);
    if (!action) return;
    event.preventDefault();
    tray.focus();
    if (!CHANGES.test(event.key) || tray.mayAct()) action();
  });

  const node = byId("tray");
  const pictureOf = ({ target }) => target.closest?.("[data-picture]")?.dataset.picture;
  // The focus stays on the grid, so that keys continue where the mouse was.
  node.addEventListener("mousedown", (event) => {
    if (!event.target.closest("button")) return;
    event.preventDefault();
    if (pictureOf(event)) tray.goTo(pictureOf(event));
    tray.focus();
  });
  node.addEventListener("click", (event) => {
    const picture = pictureOf(event);
    tray.focus();
    if (!picture || event.target.closest("button")) return;
    const toggle = event.ctrlKey || event.metaKey || Boolean(event.target.closest(".mark"));
    tray.click(picture, { toggle, extend: event.shiftKey });
  });
  node.addEventListener("dblclick", (event) => {
    if (pictureOf(event) && !event.target.closest("button, .mark")) tray.enlarge();
  });
  node.addEventListener("dragstart", (event) => {
    const picture = pictureOf(event);
    if (picture) drag(event, tray.isSelected(picture) ? tray.selected : [picture]);
  });
}
