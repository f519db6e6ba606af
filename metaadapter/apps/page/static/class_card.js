/** One class: its name, its description, its pictures, and a place to drop more of them. */
import { element, setChildren, setText } from "./element.js";
import { server, thumbnail } from "./interface.js";
import { showPicture } from "./picture_dialog.js";
import { carry } from "./taking_in.js";
import { percent, say } from "./words.js";

const SHOWN = 12; // pictures, until all are asked for

export class ClassCard {
  #id;
  #project;
  #all = false;
  #one = null;
  #thumbnails = new Map();

  constructor(id, project, { takingIn, camera }) {
    this.#id = id;
    this.#project = project;
    const button = (key, onclick, properties = {}) =>
      element("button.quiet", { type: "button", onclick, ...properties }, say(key));
    this.key = element("kbd", { "aria-hidden": "true" });
    this.name = this.#field("input.class-name", "name", { maxLength: 200 });
    this.count = element("span.muted.count");
    this.description = this.#field("input.class-description", "description", {
      maxLength: 500,
      placeholder: say("description_placeholder"),
    });
    this.empty = element("p.class-empty.muted", {}, say("class_empty"));
    this.pictures = element("div.shots", { role: "list" });
    this.more = button("show_all", () => {
      this.#all = !this.#all;
      this.show(this.#one);
    });
    this.add = button("class_add", () => takingIn.choose(id));
    this.photograph = button("camera", () => camera.open(id));
    this.remove = button("class_remove", () => this.#remove());
    this.node = element(
      "article.class",
      { role: "listitem", "data-drop": id },
      element("div.class-head", {}, this.key, this.name, this.count),
      this.description,
      this.pictures,
      this.empty,
      element("div.class-actions", {}, this.more, this.add, this.photograph, this.remove),
    );
  }

  /** @param {{name: string, description: string, pictures: string[]}} one @param {number} at - its place. */
  show(one, at = this.at) {
    this.#one = one;
    this.at = at;
    const { name, description, pictures } = one;
    setText(this.key, at < 9 ? String(at + 1) : "");
    this.key.hidden = at >= 9;
    for (const [field, value] of [[this.name, name], [this.description, description ?? ""]])
      if (document.activeElement !== field) field.value = value;
    this.name.setAttribute("aria-label", say("class_name_label", { name }));
    this.description.setAttribute("aria-label", say("description_label", { name }));
    setText(this.count, say("n_pictures", { n: pictures.length }));
    for (const [key, node] of [["class_add", this.add], ["camera", this.photograph], ["class_remove", this.remove]])
      node.setAttribute("aria-label", say("of_class", { what: say(key), name }));
    this.empty.hidden = pictures.length > 0;
    const shown = this.#all ? pictures : pictures.slice(0, SHOWN);
    this.more.hidden = pictures.length <= SHOWN;
    setText(this.more, this.#all ? say("show_fewer") : say("show_all", { n: pictures.length }));
    setChildren(this.pictures, shown.map((picture) => this.#thumbnail(picture)));
    this.pictures.hidden = !pictures.length;
    for (const picture of this.#thumbnails.keys())
      if (!shown.includes(picture)) this.#thumbnails.delete(picture);
  }

  #thumbnail(picture) {
    const node = this.#thumbnails.get(picture) ?? this.#newThumbnail(picture);
    const answer = this.#project.left_out[picture];
    const wrong = Boolean(answer) && answer.class !== this.#id;
    const button = node.firstChild;
    const file = this.#project.names[picture] ?? "";
    button.classList.toggle("doubted", wrong);
    const label = wrong
      ? say("shot_doubted", {
          file,
          name: this.#project.className(answer.class),
          probability: percent(answer.probability),
        })
      : file;
    button.setAttribute("aria-label", label);
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
        ondragstart: (event) => carry(event, [picture]),
        onclick: () => showPicture(this.#project, picture),
      },
      image,
    );
    const node = element("div", { role: "listitem" }, button);
    this.#thumbnails.set(picture, node);
    return node;
  }

  #field(tag, what, properties) {
    const field = element(tag, {
      ...properties,
      type: "text",
      autocomplete: "off",
      onchange: () => this.#change(what, field),
      onkeydown: (event) => {
        if (event.key === "Enter") field.blur();
        if (event.key === "Escape") {
          field.value = this.#one[what] ?? "";
          field.blur();
        }
      },
    });
    return field;
  }

  async #change(what, field) {
    const value = field.value.trim();
    if (value === (this.#one[what] ?? "") || (what === "name" && !value)) {
      field.value = this.#one[what] ?? "";
      return;
    }
    const taken = await this.#project.change(
      () => server.changeClass(this.#id, { [what]: value }),
      () => Object.assign(this.#project.classes[this.at], { [what]: value }),
    );
    if (!taken) field.value = this.#one[what] ?? "";
  }

  #remove() {
    this.#project.change(() => server.removeClass(this.#id));
  }
}
