/**
 * Advice: the first piece in one line, which opens to show all pieces with their pictures and with
 * buttons that settle them, and below them what was settled.
 */
import { shot } from "./classes.js";
import { byId, html, render } from "./html.js";
import { showPicture } from "./picture_dialog.js";
import { project } from "./project.js";
import { say, sayOf } from "./words.js";

const MAX_SHOTS = 4;

export function showAdvice() {
  const { advice = [], settled, ready, several } = project;
  const node = byId("advice");
  node.hidden = several || !(advice.length || settled.length) || !ready; // until then, the next step is enough
  if (node.hidden) return;
  const [first] = advice;
  const held = heldIn(node);
  const open = !first || Boolean(node.querySelector(".settled")?.open);
  const done = say("advice_settled", { n: settled.length });
  const summary = html`${say("advice", { n: advice.length })}<span class="first">${first && sentenceOf(first)}</span>`;
  render(node, html`
    <summary>${first ? summary : done}</summary>
    <ul hidden=${!first}>${advice.map(item)}</ul>
    ${settled.length > 0 && html`
      <details class="settled" open=${open}>
        <summary>${done}</summary>
        <ul>${settled.map(settledItem)}</ul>
      </details>`}`);
  if (held && !node.contains(document.activeElement)) focusAgain(node, held);
}

function item(piece) {
  const { id, kind, pictures, actions } = piece;
  const about = `advice-${id}`;
  const show = (picture) => {
    const name = project.names[picture] ?? "";
    return shot(picture, say("show_picture", { name }), () => showPicture(picture), { title: name });
  };
  return html`
    <li key=${id} data-kind=${kind} data-id=${id}>
      <p id=${about}>${sentenceOf(piece)}</p>
      ${kind !== "few_pictures" && pictures.length > 0 && html`<div class="shots">${pictures.slice(0, MAX_SHOTS).map(show)}</div>`}
      <div class="advice-actions">
        ${actions.map((action) => settler(action, about, textOf(piece, action), () => project.settle(piece, action)))}
      </div>
    </li>`;
}

function settledItem(piece) {
  const { id, action, classes } = piece;
  const about = `settled-${id}`;
  const takeBack = settler("take-back", about, say("take_back"), () => project.takeBackAdvice(id));
  return html`
    <li key=${id} data-id=${id}>
      <p class="muted" id=${about}>${say(`settled_${action}`, { name: project.className(classes[1]) })} ${sentenceOf(piece)}</p>
      <div class="advice-actions">${takeBack}</div>
    </li>`;
}

const settler = (action, about, text, onclick) => html`
  <button class=${action === "take-back" && "quiet"} type="button" key=${action} data-action=${action} aria-describedby=${about}
    onclick=${onclick}>${text}</button>`;

const sentenceOf = ({ form, values, sentence }) => sayOf({ kind: form, values }, sentence);
const textOf = ({ classes }, action) =>
  action === "none" ? say("none_of_these") : say(`advice_${action}`, { name: project.className(classes[1]) });

/** What has the focus: the action of a piece and the place of the piece in its list; null without it. */
function heldIn(node) {
  const item = document.activeElement?.closest("[data-id]");
  if (!item || !node.contains(item)) return null;
  return { list: item.parentNode, place: [...item.parentNode.children].indexOf(item) };
}

/** Focuses a button of the next piece after the one that has gone, or else the line of advice. */
function focusAgain(node, { list, place }) {
  const button = list.children[Math.min(place, list.children.length - 1)]?.querySelector("[data-action]");
  (button?.checkVisibility() ? button : node.querySelector("summary")).focus({ preventScroll: true });
}
