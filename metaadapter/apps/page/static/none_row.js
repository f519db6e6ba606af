/** The row below the classes: the pictures of none of the classes; more can be dropped on it. */
import { ClassPictures } from "./class_pictures.js";
import { byId, element, setText } from "./element.js";
import { answerOf } from "./filters.js";
import { NONE } from "./none.js";
import { count, say } from "./words.js";

export class NoneRow {
  #project;
  #isOpen = false;
  #pictures;
  #toggle = element(
    "button.quiet.class-toggle",
    { type: "button", onclick: () => this.#turn() },
    element("kbd.class-key", { "aria-hidden": "true" }, "0"),
    element("span.class-title.two-lines", {}, say("none_of_these")),
  );
  #size = element("span.muted.count");
  #answered = element("button.quiet.class-answered", { type: "button", onclick: () => this.#show() });
  #empty = element("p.class-empty.muted", {}, say("none_empty"));

  constructor(project) {
    this.#project = project;
    this.#pictures = new ClassPictures(NONE, project);
    const head = element("div.class-head", {}, this.#toggle, this.#size, this.#answered);
    const { node, more } = this.#pictures;
    const actions = element("div.class-actions", {}, more);
    this.body = element("div.class-body", {}, node, this.#empty, actions);
    byId("none-row").append(head, this.body);
  }

  show() {
    const { classes, none, tray, answers } = this.#project;
    const row = byId("none-row");
    row.hidden = !classes.length;
    row.classList.toggle("open", this.#isOpen);
    setText(this.#size, count(none.length));
    this.#size.title = say("n_pictures", { n: none.length });
    this.#toggle.setAttribute("aria-expanded", String(this.#isOpen));
    const n = tray.filter((picture) => answerOf(answers[picture]) === NONE).length;
    this.#answered.hidden = !n;
    setText(this.#answered, count(n));
    this.#answered.title = say("show_answered", { n, name: say("none_of_these") });
    this.#answered.setAttribute("aria-label", this.#answered.title);
    this.body.hidden = !this.#isOpen;
    this.#empty.hidden = none.length > 0;
    if (this.#isOpen) this.#pictures.show(none);
  }

  #turn() {
    this.#isOpen = !this.#isOpen;
    this.show();
  }

  #show() {
    this.#project.dispatchEvent(Object.assign(new Event("filter"), { filter: "none", id: "" }));
  }
}
