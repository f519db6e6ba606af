/** The bar below the tray: puts the selected pictures into a class. */
import { ClassButtons } from "./class_buttons.js";
import { byId, element, setChildren, setText } from "./element.js";
import { shownByAll } from "./several.js";
import { say } from "./words.js";

export class SelectionBar {
  #project;
  #tray;
  #text = element("p.selection-text");
  #classes = element("div.selection-classes");
  #others = element("div.selection-others");
  #classButtons;
  #accept = this.#button("button.primary", "accept_selected", "↵", () => this.#tray.actions.accept());
  #none = this.#button("button.put-none", "none_of_these", "0", () => this.#tray.actions.putIntoNone());
  #takeBack = this.#button("button.quiet", "take_back", "B", () => this.#tray.actions.takeBack());
  #enlarge = this.#button("button.quiet", "enlarge", "V", () => this.#tray.enlarge());
  #remove = this.#button("button.quiet", "remove", say("delete_key"), () => this.#tray.actions.remove());

  constructor(project, tray) {
    this.#project = project;
    this.#tray = tray;
    this.#classButtons = new ClassButtons(project, (id) => tray.actions.put(id), () => tray.actions.chooseClass());
    tray.addEventListener("selection", () => this.show());
    this.#others.append(this.#classButtons.other, this.#none, this.#accept, this.#takeBack, this.#enlarge, this.#remove);
    byId("selection").append(this.#text, this.#classes, this.#others);
    // The focus stays in the tray, so that keys go on working after a click.
    byId("selection").addEventListener("mousedown", (event) => {
      if (event.target.closest("button")) event.preventDefault();
    });
  }

  show() {
    const { selected } = this.#tray;
    const { classes, answers, labels, several } = this.#project;
    byId("selection").hidden = !selected.length || !classes.length;
    if (byId("selection").hidden) return;
    setText(this.#text, say(several ? "show_selected" : "put_selected", { n: selected.length }));
    this.#accept.hidden = !selected.some((picture) => answers[picture] && !labels.has(picture));
    this.#takeBack.hidden = !selected.some((picture) => labels.has(picture));
    this.#enlarge.disabled = selected.length !== 1;
    setChildren(this.#classes, this.#classButtons.nodes(selected, several ? shownByAll(this.#project, selected) : []));
  }

  #button(tag, key, shortcut, action) {
    const onclick = () => {
      const button = document.activeElement;
      action();
      // The focus returns to the tray if its button is disabled or hidden then.
      if (button?.disabled || !button?.checkVisibility()) this.#tray.focus();
    };
    return element(tag, { type: "button", onclick }, say(key), element("kbd", { "aria-hidden": "true" }, shortcut));
  }
}
