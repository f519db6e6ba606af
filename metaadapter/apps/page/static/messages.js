/** Messages: short ones pass, refusals stay until they are closed; both are read out. */
import { byId, element } from "./element.js";
import { say } from "./words.js";

const PASSES_AFTER = 6000; // milliseconds

/** Tells what happened, for eyes and ears. */
export function note(text) {
  const node = element("div.message", {}, element("p", {}, text));
  byId("messages").replaceChildren(...byId("messages").querySelectorAll(".refusal"), node);
  setTimeout(() => node.remove(), PASSES_AFTER);
  readOut(text);
}

/** Tells for ears alone what eyes see anyway. */
export function readOut(text) {
  byId("live").textContent = text;
}

/** Tells what did not work. `details` are lines below the sentence. */
export function refuse(text, details = []) {
  const shown = [...byId("messages").querySelectorAll(".refusal")];
  if (shown.some((node) => node.firstChild.textContent === text)) return;
  const node = element(
    "div.message.refusal",
    { role: "alert" },
    element("p", {}, text),
    details.length ? element("ul", {}, ...details.map((line) => element("li", {}, line))) : null,
  );
  const close = () => node.remove();
  node.append(element("button.quiet", { type: "button", onclick: close }, say("close")));
  byId("messages").append(node);
}

/** Takes away the refusals, once what they were about works again. */
export function forgive() {
  for (const node of byId("messages").querySelectorAll(".refusal")) node.remove();
}
