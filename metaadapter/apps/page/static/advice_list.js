/** Advice: the first piece in one line, which opens to show all pieces with their pictures. */
import { byId, element, setChildren } from "./element.js";
import { showPicture } from "./picture_dialog.js";
import { thumbnail } from "./server.js";
import { say, sayOf } from "./words.js";

export class AdviceList {
  #project;
  #shown = null;

  constructor(project) {
    this.#project = project;
  }

  show() {
    const { advice, ready } = this.#project;
    const node = byId("advice");
    node.hidden = !advice.length || !ready; // until then, the line with the next step is enough
    const text = JSON.stringify(advice);
    if (text === this.#shown || !advice.length) return;
    this.#shown = text;
    const [first] = advice;
    setChildren(node, [
      element(
        "summary",
        {},
        say("advice", { n: advice.length }),
        element("span.first", {}, sentenceOf(first)),
      ),
      element("ul", {}, ...advice.map((piece) => this.#item(piece))),
    ]);
  }

  #item(piece) {
    const { kind, pictures } = piece;
    const images = kind === "few_pictures" ? [] : pictures.slice(0, 4);
    return element(
      "li",
      { "data-kind": kind },
      element("p", {}, sentenceOf(piece)),
      images.length ? element("div.shots", {}, ...images.map((picture) => this.#picture(picture))) : null,
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
