/** Modal dialogs. */
import { element } from "./element.js";
import { keepFocus } from "./focus_guard.js";
import { say } from "./words.js";

let n_shown = 0;

/**
 * Shows a dialog with a title and a close button. When it is closed it is removed, and the focus
 * returns to where it was.
 *
 * @param {string} title
 * @param {...(Node|null)} children
 * @returns {HTMLDialogElement}
 */
export function showDialog(title, ...children) {
  const before = document.activeElement;
  n_shown += 1;
  const id = `dialog-title-${n_shown}`; // a dialog may open above another one
  const close = element(
    "button.quiet.close",
    { type: "button", "aria-label": say("close"), onclick: () => dialog.close() },
    "×",
  );
  const dialog = element(
    "dialog",
    { "aria-labelledby": id },
    element("div.dialog-head", {}, element("h2", { id }, title), close),
    ...children,
    element("p.unseen.live", { "aria-live": "polite" }),
  );
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before?.isConnected && before.checkVisibility()) before.focus({ preventScroll: true });
    keepFocus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
