/** Keeps the focus in the page: it never falls to the body when its element goes away. */
import { byId } from "./element.js";

let last = null; // {node, section} that had the focus last

document.addEventListener("focusin", ({ target }) => {
  last = { node: target, section: target.closest("section")?.id };
});

/** If the element with the focus has gone or is hidden, moves the focus to its part of the page. */
export function keepFocus() {
  if (!last || document.activeElement !== document.body || last.node.isConnected && last.node.checkVisibility())
    return;
  const places = last.section === "classes" ? ["classes-title", "tray-title"] : ["tray", "tray-title", "first-class-1"];
  const place = places.map(byId).find((node) => node?.checkVisibility());
  place?.focus({ preventScroll: true });
}
