/** Buttons for the class of pictures: of all classes if they are few, else of the likely ones. */
import { suggestedFor } from "./class_picker.js";
import { element, setName, setText } from "./element.js";
import { say } from "./words.js";

const MAX_BUTTONS = 9; // the classes with a key of their own

export class ClassButtons {
  #project;
  #put;
  #buttons = new Map();

  /** A button that asks for any class. */
  other;

  /** @param {function(string)} put - called with the id of a class. @param {function()} choose */
  constructor(project, put, choose) {
    this.#project = project;
    this.#put = put;
    this.other = element(
      "button.class-other",
      { type: "button", onclick: choose, "aria-haspopup": "dialog" },
      say("other_class"),
      element("kbd", { "aria-hidden": "true" }, "C"),
    );
  }

  /** The buttons for pictures; `pressed` has the ids of the classes that they have. */
  nodes(pictures, pressed = []) {
    const { classes } = this.#project;
    const likely = classes.length > MAX_BUTTONS ? [...new Set([...pressed, ...suggestedFor(this.#project, pictures).slice(0, 4)])] : null;
    const shown = likely ? likely.filter((id) => this.#project.rank.has(id)) : classes.map(({ id }) => id);
    return shown.map((id) => this.#button(id, pressed.includes(id)));
  }

  #button(id, isPressed) {
    let button = this.#buttons.get(id);
    if (!button) {
      const onclick = () => this.#put(id);
      button = element("button.selection-class", { type: "button", onclick }, element("kbd", { "aria-hidden": "true" }), element("span.two-lines"));
      this.#buttons.set(id, button);
    }
    const place = this.#project.rank.get(id);
    const [key, text] = button.children;
    setText(key, String(place + 1));
    key.hidden = place >= MAX_BUTTONS;
    setName(text, this.#project.className(id));
    button.title = this.#project.className(id);
    button.setAttribute("aria-pressed", String(isPressed));
    return button;
  }
}
