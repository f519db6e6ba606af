/** One class: a row with its name, which opens to show its description and pictures. */
import { ClassPictures } from "./class_pictures.js";
import { edits } from "./edits.js";
import { element, setName, setText } from "./element.js";
import { count, say } from "./words.js";

export class ClassCard {
  #id;
  #project;
  #sources;
  #isOpen = null; // null until a person opens or closes it
  #entry = null;
  #body = null; // made when the row is opened for the first time

  constructor(id, project, sources) {
    this.#id = id;
    this.#project = project;
    this.#sources = sources;
    this.key = element("kbd.class-key", { "aria-hidden": "true" });
    this.title = element("span.class-title.two-lines");
    this.size = element("span.muted.count");
    this.toggle = element(
      "button.quiet.class-toggle",
      { type: "button", onclick: () => this.#open(!this.isOpen) },
      this.key,
      this.title,
    );
    this.answered = element("button.quiet.class-answered", {
      type: "button",
      onclick: () => project.dispatchEvent(Object.assign(new Event("filter"), { filter: "sort", id })),
    });
    this.node = element(
      "div.class",
      { role: "listitem", "data-drop": id },
      (this.head = element("div.class-head", {}, this.toggle, this.size, this.answered)),
    );
  }

  get isOpen() {
    return this.#isOpen ?? this.opens;
  }

  /**
   * @param {{name: string, description: string, pictures: string[]}} entry
   * @param state - {place, answered, opens}: `answered` is the number of pictures with this answer;
   *   `opens` says whether the row is open unless a person closes it.
   */
  show(entry, { place, answered, opens }) {
    this.#entry = entry;
    this.opens = opens;
    const { name, pictures } = entry;
    setText(this.key, String(place + 1));
    this.key.classList.toggle("no-key", place >= 9);
    setName(this.title, name);
    this.title.title = name;
    setText(this.size, count(pictures.length));
    this.size.title = say("n_pictures", { n: pictures.length });
    this.toggle.setAttribute("aria-expanded", String(this.isOpen));
    this.title.classList.toggle("unseen", this.isOpen);
    this.answered.hidden = !answered;
    setText(this.answered, count(answered));
    this.answered.title = say("show_answered", { n: answered, name });
    this.answered.setAttribute("aria-label", this.answered.title);
    this.node.classList.toggle("open", this.isOpen);
    if (this.isOpen) return this.#showBody();
    this.#body?.node.remove();
    this.name?.remove();
  }

  #open(isOpen) {
    this.#isOpen = isOpen;
    this.#project.dispatchEvent(new Event("change"));
  }

  #showBody() {
    this.#body ??= this.#newBody();
    const { name, description, pictures } = this.#entry;
    for (const [field, value] of [[this.name, name], [this.description, description ?? ""]])
      if (document.activeElement !== field) field.value = value;
    this.name.setAttribute("aria-label", say("class_name_label", { name }));
    this.description.setAttribute("aria-label", say("description_label", { name }));
    this.empty.hidden = pictures.length > 0;
    this.#body.pictures.show(pictures);
    for (const { key, node } of this.#body.actions) node.setAttribute("aria-label", say("of_class", { what: say(key), name }));
    if (this.#body.node.parentNode) return;
    this.toggle.after(this.name);
    this.node.append(this.#body.node);
  }

  #newBody() {
    const { uploads, camera } = this.#sources;
    const action = (key, onclick) => ({ key, node: element("button.quiet", { type: "button", onclick }, say(key)) });
    this.name = this.#field("class-name", "name", { maxLength: 120 });
    this.description = this.#field("class-description", "description", {
      maxLength: 500,
      placeholder: say("description_placeholder"),
    });
    this.empty = element("p.class-empty.muted", {}, say("class_empty"));
    const pictures = new ClassPictures(this.#id, this.#project);
    const actions = [
      action("class_add", () => uploads.choose(this.#id)),
      action("camera", () => camera.open(this.#id)),
      action("class_remove", () => this.#project.change(edits.removeClass(this.#id))),
    ];
    const node = element(
      "div.class-body",
      {},
      this.description,
      pictures.node,
      this.empty,
      element("div.class-actions", {}, pictures.more, ...actions.map((one) => one.node)),
    );
    return { node, pictures, actions };
  }

  #field(name, key, properties) {
    const field = element(`input.${name}`, {
      ...properties,
      type: "text",
      autocomplete: "off",
      onchange: () => this.#change(key, field),
      onkeydown: (event) => {
        if (event.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
        if (event.key === "Escape") field.value = this.#entry[key] ?? "";
        else this.#change(key, field);
        this.toggle.focus();
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
      edits.changeClass(this.#id, { [key]: value }),
      () => Object.assign(this.#project.classes.find(({ id }) => id === this.#id) ?? {}, { [key]: value }),
    );
    if (!result) field.value = this.#entry[key] ?? "";
  }
}
