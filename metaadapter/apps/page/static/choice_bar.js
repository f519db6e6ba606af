/** The bar below the tray: one click puts the chosen pictures into a class. */
import { byId, element, setChildren, setText } from "./element.js";
import { say } from "./words.js";

const FEW = 5; // classes that stand beside the other buttons; more have lines of their own

export class ChoiceBar {
  #project;
  #tray;
  #buttons = new Map();
  #words = element("p.choice-words");
  #classes = element("div.choice-classes");
  #others = element("div.choice-others");
  #accept = this.#button("button.primary", "accept_chosen", () => this.#tray.accept());
  #look = this.#button("button.quiet", "look", () => this.#tray.look());
  #remove = this.#button("button.quiet", "remove", () => this.#tray.remove());

  constructor(project, tray) {
    this.#project = project;
    this.#tray = tray;
    tray.addEventListener("choice", () => this.show());
    this.#others.append(this.#accept, this.#look, this.#remove);
    byId("choice").append(this.#words, this.#classes, this.#others);
  }

  show() {
    const { chosen } = this.#tray;
    const { classes, answers } = this.#project;
    byId("choice").hidden = !this.#tray.size || !classes.length;
    const answered = chosen.some((picture) => answers[picture] && !answers[picture].unfamiliar);
    setText(this.#words, chosen.length ? say("put_chosen", { n: chosen.length }) : say("choose_first"));
    this.#classes.hidden = !chosen.length;
    this.#others.hidden = !chosen.length;
    this.#accept.disabled = !answered;
    this.#look.disabled = chosen.length !== 1;
    byId("choice").classList.toggle("many", classes.length > FEW);
    setChildren(this.#classes, classes.map((one, at) => this.#classButton(one, at)));
  }

  #classButton({ id, name }, at) {
    let button = this.#buttons.get(id);
    if (!button) {
      button = element(
        "button.choice-class",
        { type: "button", onclick: () => this.#after(() => this.#tray.put(id)) },
        element("kbd", { "aria-hidden": "true" }),
        element("span"),
      );
      this.#buttons.set(id, button);
    }
    const [key, text] = button.children;
    setText(key, at < 9 ? String(at + 1) : "");
    key.hidden = at >= 9;
    setText(text, name);
    return button;
  }

  #button(tag, key, onclick) {
    return element(tag, { type: "button", onclick: () => this.#after(onclick) }, say(key));
  }

  /** Acts, and gives the focus back to the tray where the button that had it is of no use now. */
  #after(act) {
    const button = document.activeElement;
    act();
    if (button?.disabled || !button?.checkVisibility()) this.#tray.focus();
  }
}
