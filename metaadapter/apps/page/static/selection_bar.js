/** The bar below the tray: one click puts the selected pictures into a class. */
import { byId, element, setChildren, setText } from "./element.js";
import { say } from "./words.js";

const MAX_ON_LINE = 5; // classes next to the other buttons; more classes get lines of their own

export class SelectionBar {
  #project;
  #tray;
  #buttons = new Map();
  #text = element("p.selection-text");
  #classes = element("div.selection-classes");
  #others = element("div.selection-others");
  #accept = this.#button("button.primary", "accept_selected", () => this.#tray.accept());
  #enlarge = this.#button("button.quiet", "enlarge", () => this.#tray.enlarge());
  #remove = this.#button("button.quiet", "remove", () => this.#tray.remove());

  constructor(project, tray) {
    this.#project = project;
    this.#tray = tray;
    tray.addEventListener("selection", () => this.show());
    this.#others.append(this.#accept, this.#enlarge, this.#remove);
    byId("selection").append(this.#text, this.#classes, this.#others);
  }

  show() {
    const { selected } = this.#tray;
    const { classes, answers } = this.#project;
    byId("selection").hidden = !this.#tray.size || !classes.length;
    const acceptable = selected.some((picture) => answers[picture] && !answers[picture].unfamiliar);
    setText(this.#text, selected.length ? say("put_selected", { n: selected.length }) : say("select_first"));
    this.#classes.hidden = !selected.length;
    this.#others.hidden = !selected.length;
    this.#accept.disabled = !acceptable;
    this.#enlarge.disabled = selected.length !== 1;
    byId("selection").classList.toggle("many", classes.length > MAX_ON_LINE);
    setChildren(this.#classes, classes.map((entry, place) => this.#classButton(entry, place)));
  }

  #classButton({ id, name }, place) {
    let button = this.#buttons.get(id);
    if (!button) {
      button = element(
        "button.selection-class",
        { type: "button", onclick: () => this.#run(() => this.#tray.put(id)) },
        element("kbd", { "aria-hidden": "true" }),
        element("span"),
      );
      this.#buttons.set(id, button);
    }
    const [key, text] = button.children;
    setText(key, place < 9 ? String(place + 1) : "");
    key.hidden = place >= 9;
    setText(text, name);
    return button;
  }

  #button(tag, key, onclick) {
    return element(tag, { type: "button", onclick: () => this.#run(onclick) }, say(key));
  }

  /** Runs an action; the focus returns to the tray if its button is disabled or hidden then. */
  #run(action) {
    const button = document.activeElement;
    action();
    if (button?.disabled || !button?.checkVisibility()) this.#tray.focus();
  }
}
