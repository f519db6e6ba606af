/**
 * Advice: the first piece in one line, which opens to show all pieces with their pictures and with
 * buttons that settle them, and below them what was settled.
 */
import { adviceActions, settledText } from "./advice_actions.js";
import { byId, element, setChildren } from "./element.js";
import { showPicture } from "./picture_dialog.js";
import { thumbnail } from "./server.js";
import { say, sayOf } from "./words.js";

const MAX_SHOTS = 4;

export class AdviceList {
  #project;
  #shown = null;
  #summary = element("summary");

  constructor(project) {
    this.#project = project;
  }

  show() {
    const { advice, settled, ready, several } = this.#project;
    const node = byId("advice");
    node.hidden = several || !(advice.length || settled.length) || !ready; // until then, the next step is enough
    const text = JSON.stringify([advice, settled, this.#project.classes.map(({ name }) => name)]);
    if (text === this.#shown || node.hidden) return;
    this.#shown = text;
    const held = heldIn(node);
    const isOpen = node.querySelector(".settled")?.open ?? false;
    const isSettledFocused = document.activeElement?.matches("#advice .settled > summary") ?? false;
    const scrolled = [...node.querySelectorAll("ul")].map(({ scrollTop }) => scrollTop);
    const [first] = advice;
    this.#summary.replaceChildren(
      advice.length ? say("advice", { n: advice.length }) : say("advice_settled", { n: settled.length }),
      ...(first ? [element("span.first", {}, sentenceOf(first))] : []),
    );
    setChildren(node, [
      this.#summary,
      element("ul", { hidden: !first }, ...advice.map((piece) => this.#item(piece))),
      settled.length ? this.#settled(settled, isOpen || !first) : null,
    ].filter(Boolean));
    node.querySelectorAll("ul").forEach((list, place) => (list.scrollTop = scrolled[place] ?? 0));
    if (held) focusAgain(node, held);
    else if (isSettledFocused) (node.querySelector(".settled > summary") ?? this.#summary).focus({ preventScroll: true });
  }

  #item(piece) {
    const { id, kind, pictures } = piece;
    const images = kind === "few_pictures" ? [] : pictures.slice(0, MAX_SHOTS);
    const sentence = element("p", { id: `advice-${id}` }, sentenceOf(piece));
    return element(
      "li",
      { "data-kind": kind, "data-id": id },
      sentence,
      images.length ? element("div.shots", {}, ...images.map((picture) => this.#picture(picture))) : null,
      element("div.advice-actions", {}, ...adviceActions(this.#project, piece, sentence.id)),
    );
  }

  #settled(pieces, open) {
    return element(
      "details.settled",
      { open },
      element("summary", {}, say("advice_settled", { n: pieces.length })),
      element(
        "ul",
        {},
        ...pieces.map((piece) => {
          const text = element("p.muted", { id: `settled-${piece.id}` }, settledText(this.#project, piece), " ", sentenceOf(piece));
          const onclick = () => this.#project.takeBackAdvice(piece.id);
          const button = element(
            "button.quiet",
            { type: "button", onclick, "data-action": "take-back", "aria-describedby": text.id },
            say("take_back"),
          );
          return element("li", { "data-id": piece.id }, text, element("div.advice-actions", {}, button));
        }),
      ),
    );
  }

  #picture(picture) {
    const name = this.#project.names[picture] ?? "";
    return element(
      "button.shot",
      {
        type: "button",
        title: name,
        "aria-label": say("show_picture", { name }),
        onclick: () => showPicture(this.#project, picture),
      },
      element("img", { alt: "", loading: "lazy", decoding: "async", src: thumbnail(picture) }),
    );
  }
}

const sentenceOf = ({ form, values, sentence }) => sayOf({ kind: form, values }, sentence);

/** The piece and the action that have the focus, and the place of the piece; null without it. */
function heldIn(node) {
  const item = document.activeElement?.closest("[data-id]");
  if (!item || !node.contains(item)) return null;
  const place = [...item.parentNode.children].indexOf(item);
  const list = item.closest(".settled") ? ".settled li" : ":scope > ul > li";
  return { id: item.dataset.id, action: document.activeElement.dataset.action, place, list };
}

/** Focuses the same action, or the next piece if its own has gone, or else the line of advice. */
function focusAgain(node, { id, action, place, list }) {
  const items = [...node.querySelectorAll(list)];
  const item = items.find(({ dataset }) => dataset.id === id) ?? items[Math.min(place, items.length - 1)];
  const button = item?.querySelector(`[data-action="${action}"]`) ?? item?.querySelector("[data-action]");
  (button?.checkVisibility() ? button : node.querySelector("summary")).focus({ preventScroll: true });
}
