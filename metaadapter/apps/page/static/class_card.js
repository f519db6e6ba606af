/** One class: its name, description and pictures; more pictures can be dropped on it. */
import { element, setChildren, setText } from "./element.js";
import { showPicture } from "./picture_dialog.js";
import { server, thumbnail } from "./server.js";
import { drag } from "./uploads.js";
import { percent, say } from "./words.js";

const MAX_SHOWN = 12; // pictures, until the button shows all

export class ClassCard {
  #id;
  #project;
  #showsAll = false;
  #entry = null;
  #thumbnails = new Map();

  constructor(id, project, { uploads, camera }) {
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
      this.#showsAll = !this.#showsAll;
      this.show(this.#entry);
    });
    this.add = button("class_add", () => uploads.choose(id));
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

  /** @param {{name: string, description: string, pictures: string[]}} entry @param {number} place */
  show(entry, place = this.place) {
    this.#entry = entry;
    this.place = place;
    const { name, description, pictures } = entry;
    setText(this.key, place < 9 ? String(place + 1) : "");
    this.key.hidden = place >= 9;
    for (const [field, value] of [[this.name, name], [this.description, description ?? ""]])
      if (document.activeElement !== field) field.value = value;
    this.name.setAttribute("aria-label", say("class_name_label", { name }));
    this.description.setAttribute("aria-label", say("description_label", { name }));
    setText(this.count, say("n_pictures", { n: pictures.length }));
    for (const [key, node] of [["class_add", this.add], ["camera", this.photograph], ["class_remove", this.remove]])
      node.setAttribute("aria-label", say("of_class", { what: say(key), name }));
    this.empty.hidden = pictures.length > 0;
    const shown = this.#showsAll ? pictures : pictures.slice(0, MAX_SHOWN);
    this.more.hidden = pictures.length <= MAX_SHOWN;
    setText(this.more, this.#showsAll ? say("show_fewer") : say("show_all", { n: pictures.length }));
    setChildren(this.pictures, shown.map((picture) => this.#thumbnail(picture)));
    this.pictures.hidden = !pictures.length;
    for (const picture of this.#thumbnails.keys())
      if (!shown.includes(picture)) this.#thumbnails.delete(picture);
  }

  #thumbnail(picture) {
    const node = this.#thumbnails.get(picture) ?? this.#newThumbnail(picture);
    const answer = this.#project.left_out[picture];
    const doubted = Boolean(answer) && answer.class !== this.#id;
    const reason = this.#project.reasonOf(picture);
    const button = node.firstChild;
    const file = this.#project.names[picture] ?? "";
    button.classList.toggle("doubted", doubted || Boolean(reason));
    const label = doubted
      ? say("example_doubted", {
          file,
          name: this.#project.className(answer.class),
          probability: percent(answer.probability),
        })
      : [file, reason].filter(Boolean).join(": ");
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
        ondragstart: (event) => drag(event, [picture]),
        onclick: () => showPicture(this.#project, picture),
      },
      image,
    );
    const node = element("div", { role: "listitem" }, button);
    this.#thumbnails.set(picture, node);
    return node;
  }

  #field(tag, key, properties) {
    const field = element(tag, {
      ...properties,
      type: "text",
      autocomplete: "off",
      onchange: () => this.#change(key, field),
      onkeydown: (event) => {
        if (event.key === "Enter") field.blur();
        if (event.key === "Escape") {
          field.value = this.#entry[key] ?? "";
          field.blur();
        }
      },
    });
    return field;
  }

  async #change(key, field) {
    const value = field.value.trim();
    if (value === (this.#entry[key] ?? "") || (key === "name" && !value)) {
      field.value = this.#entry[key] ?? "";
      return;
    }
    const result = await this.#project.change(
      () => server.changeClass(this.#id, { [key]: value }),
      () => Object.assign(this.#project.classes[this.place], { [key]: value }),
    );
    if (!result) field.value = this.#entry[key] ?? "";
  }

  #remove() {
    this.#project.change(() => server.removeClass(this.#id));
  }
}
