/** Messages: notes disappear by themselves, errors stay until they are closed; both are read out. */
import { byId, element } from "./element.js";
import { say } from "./words.js";

const NOTE_TIME = 6000; // milliseconds
const ACTION_TIME = 12000; // for a note with a button

/**
 * Shows a note and reads it out.
 *
 * @param {?{label: string, run: function()}} action - a button of the note.
 */
export function note(text, action = null) {
  const run = () => {
    node.remove();
    action.run();
  };
  const button = action && element("button.quiet", { type: "button", onclick: run }, action.label);
  const node = element("div.message", {}, element("p", {}, text), button);
  byId("messages").replaceChildren(...byId("messages").querySelectorAll(".error"), node);
  const leave = () => {
    if (node.matches(":hover, :focus-within")) setTimeout(leave, NOTE_TIME);
    else node.remove();
  };
  setTimeout(leave, action ? ACTION_TIME : NOTE_TIME);
  readOut(text);
}

/** Reads a text out through a screen reader, which hears only the topmost dialog if one is open. */
export function readOut(text) {
  const dialog = [...document.querySelectorAll("dialog[open]")].at(-1);
  (dialog?.querySelector(".live") ?? byId("live")).textContent = text;
}

/** Shows an error. `details` are lines below the sentence. */
export function showError(text, details = []) {
  const shown = [...byId("messages").querySelectorAll(".error")];
  if (shown.some((node) => node.firstChild.textContent === text)) return;
  const node = element(
    "div.message.error",
    { role: "alert" },
    element("p", {}, text),
    details.length ? element("ul", {}, ...details.map((line) => element("li", {}, line))) : null,
  );
  const close = () => node.remove();
  node.append(element("button.quiet", { type: "button", onclick: close }, say("close")));
  byId("messages").append(node);
}

/** Removes the errors. */
export function clearErrors() {
  for (const node of byId("messages").querySelectorAll(".error")) node.remove();
}
