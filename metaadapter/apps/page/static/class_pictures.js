/** The pictures of an open class: the first ones, and a button that shows all. */
import { element, setChildren, setText } from "./element.js";
import { isDoubtful } from "./filters.js";
import { showPicture } from "./picture_dialog.js";
import { thumbnail } from "./server.js";
import { classesOf } from "./several.js";
import { drag } from "./uploads.js";
import { inList, percent, say } from "./words.js";

const MAX_SHOWN = 12; // pictures, until the button shows all

export class ClassPictures {
  #id;
  #project;
  #showsAll = false;
  #pictures = [];
  #thumbnails = new Map();
  node = element("div.shots", { role: "list" });
  more = element("button.quiet", { type: "button", onclick: () => this.#turn() });

  constructor(id, project) {
    this.#id = id;
    this.#project = project;
  }

  show(pictures) {
    this.#pictures = pictures;
    const shown = this.#showsAll ? pictures : pictures.slice(0, MAX_SHOWN);
    this.more.hidden = pictures.length <= MAX_SHOWN;
    setText(this.more, this.#showsAll ? say("show_fewer") : say("show_all", { n: pictures.length }));
    setChildren(this.node, shown.map((picture) => this.#thumbnail(picture)));
    this.node.hidden = !pictures.length;
    const there = new Set(shown);
    for (const picture of this.#thumbnails.keys()) if (!there.has(picture)) this.#thumbnails.delete(picture);
  }

  #turn() {
    this.#showsAll = !this.#showsAll;
    this.show(this.#pictures);
  }

  #thumbnail(picture) {
    const node = this.#thumbnails.get(picture) ?? this.#newThumbnail(picture);
    const { left_out, names } = this.#project;
    const answer = left_out[picture];
    const file = names[picture] ?? "";
    const doubted = isDoubtful(this.#project, picture);
    const button = node.firstChild;
    button.classList.toggle("doubted", doubted);
    let label = [file, this.#project.reasonOf(picture)].filter(Boolean).join(": ");
    if (doubted && answer) {
      const ids = classesOf(answer);
      const name = inList(ids.map((id) => this.#project.className(id)));
      label = say("example_doubted", { file, name, probability: percent(answer.probability) });
    }
    if (button.title === label) return node;
    button.setAttribute("aria-label", label || say("picture"));
    button.title = label;
    return node;
  }

  #newThumbnail(picture) {
    const image = element("img", { alt: "", loading: "lazy", decoding: "async", src: thumbnail(picture) });
    const button = element(
      "button.shot",
      {
        type: "button",
        draggable: true,
        ondragstart: (event) => drag(event, [picture]),
        onclick: () => showPicture(this.#project, picture, [...this.#pictures]),
      },
      image,
    );
    const node = element("div", { role: "listitem" }, button);
    this.#thumbnails.set(picture, node);
    return node;
  }
}
