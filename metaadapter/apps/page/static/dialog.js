/** Modal dialogs. */
import { element } from "./element.js";
import { keepFocus } from "./focus_guard.js";
import { say } from "./words.js";

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
  const close = element(
    "button.quiet.close",
    { type: "button", "aria-label": say("close"), onclick: () => dialog.close() },
    "×",
  );
  const dialog = element(
    "dialog",
    { "aria-labelledby": "dialog-title" },
    element("div.dialog-head", {}, element("h2", { id: "dialog-title" }, title), close),
    ...children,
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
