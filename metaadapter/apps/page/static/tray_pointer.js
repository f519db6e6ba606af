/** The mouse and touch in the tray. */
import { drag } from "./uploads.js";

/** @param {HTMLElement} node @param tray - a Tray. */
export function listenToPointer(node, tray) {
  const pictureOf = (event) => event.target.closest?.("[data-picture]")?.dataset.picture;
  const isButton = (event) => Boolean(event.target.closest("button"));
  // The focus stays on the grid, so that keys continue where the mouse was.
  node.addEventListener("mousedown", (event) => {
    if (!isButton(event)) return;
    event.preventDefault();
    if (pictureOf(event)) tray.goTo(pictureOf(event));
    tray.focus();
  });
  node.addEventListener("click", (event) => {
    const picture = pictureOf(event);
    tray.focus();
    if (!picture || isButton(event)) return;
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
  node.addEventListener("focus", () => tray.begin());
}
