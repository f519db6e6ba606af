/** Messages: notes disappear by themselves, errors stay until their cause has gone or they are closed; both are read out. */
import { button, byId, create, html } from "./html.js";
import { say } from "./words.js";

const NOTE_TIME = 6000; // milliseconds
const ACTION_TIME = 12000; // for a note with a button
const MAX_LINES = 10; // of an error

/** Shows a note and reads it out. @param {?function()} undo - what a button of the note does. */
export function note(text, undo = null) {
  const run = () => {
    node.remove();
    undo();
  };
  const node = create(html`<div class="message"><p>${text}</p>${undo && button("undo", run, { class: "quiet" })}</div>`);
  byId("messages").replaceChildren(...byId("messages").querySelectorAll(".error"), node);
  const leave = () => {
    if (node.matches(":hover, :focus-within")) setTimeout(leave, NOTE_TIME);
    else node.remove();
  };
  setTimeout(leave, undo ? ACTION_TIME : NOTE_TIME);
  readOut(text);
}

/** Reads a text out through a screen reader, which hears only the topmost dialog if one is open. */
export function readOut(text) {
  const line = lineOfDialog() ?? byId("live");
  line.classList.add("unseen");
  line.textContent = text;
}

const lineOfDialog = () => [...document.querySelectorAll("dialog[open]")].at(-1)?.querySelector(".live");

/**
 * Shows an error in the place of an earlier one of the same cause, and in an open dialog, too.
 *
 * @param {string[]} lines - they explain the error; the first ones are shown.
 */
export function showError(text, cause, lines = []) {
  const line = lineOfDialog();
  if (line) {
    line.classList.remove("unseen");
    line.textContent = text;
  }
  const before = errorOf(cause);
  if (before?.firstChild.textContent === text && !lines.length) return;
  before?.remove();
  const n_more = lines.length - MAX_LINES;
  const few = n_more > 0 ? [...lines.slice(0, MAX_LINES), say("and_more", { n: n_more })] : lines;
  const list = few.length > 0 && html`<ul tabindex="0">${few.map((line) => html`<li>${line}</li>`)}</ul>`;
  const close = button("close", () => node.remove(), { class: "quiet" });
  const node = create(html`<div class="message error" data-cause=${cause} role="alert"><p>${text}</p>${list}${close}</div>`);
  byId("messages").append(node);
}

/** Shows the error of a promise that fails. */
export const orError = (promise) => promise.catch(({ message }) => showError(message, "request"));

const errorOf = (cause) => byId("messages").querySelector(`[data-cause=${cause}]`);

/** Removes the errors of these causes. */
export function clearErrors(...causes) {
  for (const cause of causes) errorOf(cause)?.remove();
}
