/** A prediction as `/predict` gives it, by the names of its classes: as a text, and as bars. */
import { html } from "./html.js";
import { percent, say } from "./words.js";

const MOST = 10; // bars
const NONE = "none of these"; // the server's name of the class of pictures that show no other class

/** The classes of the answer with their probabilities, or "none of these". */
export function predictionText({ label, labels, probability, probabilities, unfamiliar }) {
  if (unfamiliar || labels?.length === 0) return say("none_of_these");
  const text = (name, p) => say("answer", { name, probability: percent(p) });
  return labels ? labels.map((name) => text(name, probabilities[name])).join("; ") : text(label, probability);
}

/**
 * Bars in the order of the classes, so that none moves while a camera runs; of many classes only the
 * most probable ones have a bar.
 *
 * @param {string[]} names - the classes in their order.
 */
export function predictionBars({ label, labels, probabilities, unfamiliar }, names) {
  const known = names.filter((name) => Object.hasOwn(probabilities, name));
  const all = [...new Set([...known, ...Object.keys(probabilities)])];
  // By whole percents, so that classes of about 0 do not take turns.
  const rounded = (name) => Math.round(100 * probabilities[name]);
  const likely = [...all].sort((a, b) => rounded(b) - rounded(a)).slice(0, MOST);
  const answer = labels ?? [unfamiliar ? NONE : label];
  const row = (name) => {
    const text = name === NONE ? say("none_of_these") : name;
    return html`
      <li key=${name} aria-current=${answer.includes(name)}>
        <span class="bar-name" title=${text}>${text}</span>
        <span class="bar" aria-hidden="true" style="--part: ${probabilities[name]}"></span>
        <span class="bar-part">${percent(probabilities[name])}</span>
      </li>`;
  };
  return html`<ul class="bars">${all.filter((name) => likely.includes(name)).map(row)}</ul>`;
}
