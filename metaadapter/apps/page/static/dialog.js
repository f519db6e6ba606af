/** Modal dialogs, and the guard that keeps the focus in the page. */
import { byId, create, html, render } from "./html.js";
import { project } from "./project.js";
import { say } from "./words.js";

const CONTROLS = ":is(a[href], button, input, select, [tabindex]):not(.close, :disabled)";
let n_shown = 0;
let last = null; // {node, section} that had the focus last

/**
 * Shows a dialog with a title and a close button; the focus is on its first control after these. When
 * it is closed it is removed, and the focus returns to where it was.
 *
 * @param {function(): string} title
 * @param {function(): Object} view - describes the content; both are called again when the project
 *   changes, and by `refresh` of the dialog.
 * @param {string} kind - a class for its style.
 * @returns {HTMLDialogElement}
 */
export function showDialog(title, view, kind = "") {
  const before = document.activeElement;
  n_shown += 1;
  const id = `dialog-title-${n_shown}`; // a dialog may open above another one
  const dialog = create(html`<dialog class=${kind} aria-labelledby=${id} tabindex="-1"></dialog>`);
  const live = create(html`<p class="unseen live" aria-live="polite"></p>`); // see readOut
  dialog.refresh = () => {
    if (dialog.isConnected && !dialog.open) return; // it is being closed
    const hadFocus = dialog.contains(document.activeElement);
    render(dialog, html`
      <div class="dialog-head">
        <h2 id=${id}>${title()}</h2>
        <button class="quiet close" type="button" aria-label=${say("close")} onclick=${() => dialog.close()}>×</button>
      </div>
      ${view()}
      ${live}`);
    if (hadFocus && !dialog.contains(document.activeElement)) dialog.focus();
  };
  let beganOutside = false; // what is pressed inside may move away from the pointer
  dialog.addEventListener("pointerdown", ({ clientX: x, clientY: y }) => {
    const { left, right, top, bottom } = dialog.getBoundingClientRect();
    beganOutside = x < left || x > right || y < top || y > bottom;
  });
  dialog.addEventListener("click", ({ target }) => target === dialog && beganOutside && dialog.close());
  project.addEventListener("change", dialog.refresh);
  dialog.addEventListener("close", () => {
    project.removeEventListener("change", dialog.refresh);
    dialog.remove();
    if (before?.isConnected && before.checkVisibility()) before.focus({ preventScroll: true });
    keepFocus();
  });
  dialog.refresh();
  document.body.append(dialog);
  dialog.showModal();
  const isTouched = matchMedia("(hover: none)").matches; // a keyboard would cover the dialog
  const control = !isTouched && [...dialog.querySelectorAll(CONTROLS)].find((node) => node.checkVisibility());
  (control || dialog).focus();
  return dialog;
}

/** Asks for one of some things, which `things` gives as [value, name]; returns its value, "" without a choice. */
export function pick(title, things) {
  const item = ([value, name]) => html`<li key=${value}><button type="button" onclick=${() => dialog.close(value)}>${name}</button></li>`;
  const dialog = showDialog(title, () => html`<ul class="things">${things().map(item)}</ul>`);
  return choiceOf(dialog);
}

/** The value that a dialog is closed with; "" without a choice. */
export const choiceOf = (dialog) =>
  new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue)));

document.addEventListener("focusin", ({ target }) => {
  last = { node: target, section: target.closest("section")?.id };
});

/** If the element with the focus has gone or is hidden, moves the focus to its part of the page. */
export function keepFocus() {
  if (!last || document.activeElement !== document.body || (last.node.isConnected && last.node.checkVisibility())) return;
  const places = last.section === "classes" ? ["classes-title", "tray-title"] : ["tray", "tray-title", "first-class-1"];
  const place = places.map(byId).find((node) => node?.checkVisibility());
  place?.focus({ preventScroll: true });
}
