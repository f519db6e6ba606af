/** The filters above the tray: a button for each, and the class that pictures must have. */
import { byId, element, setChildren, setText } from "./element.js";
import { filtered, FILTERS } from "./filters.js";
import { NONE } from "./none.js";
import { classesFor } from "./several.js";
import { count, say } from "./words.js";

export class TrayFilters {
  #project;
  #onChange;
  #filter = FILTERS[0];
  #id = "";
  #buttons = new Map();
  #class = byId("class-filter");
  #options = "";

  /** The pictures that pass the filters. */
  shown = [];

  /** @param {function()} onChange - called when a person changes a filter. */
  constructor(project, onChange) {
    this.#project = project;
    this.#onChange = onChange;
    for (const filter of FILTERS) {
      const onclick = () => this.choose(filter, "");
      const button = element("button.filter", { type: "button", onclick }, say(`filter_${filter}`), element("span.count"));
      button.title = say(`filter_${filter}_words`);
      this.#buttons.set(filter, button);
    }
    byId("filters").append(...this.#buttons.values());
    this.#class.addEventListener("change", () => this.choose(this.#filter, this.#class.value));
    project.addEventListener("filter", ({ filter, id }) => this.choose(filter, id));
  }

  /** Whether every picture without a label is shown. */
  get isOpen() {
    return this.#filter === FILTERS[0] && !this.#id;
  }

  choose(filter, id) {
    [this.#filter, this.#id] = [filter, id];
    this.#onChange();
  }

  /** @param {string[]} held - pictures that stay although they pass the filters no longer. */
  show(threshold, held = []) {
    const { classes, several } = this.#project;
    if (this.#id && this.#id !== NONE && !this.#project.rank.has(this.#id)) this.#id = "";
    if (several && this.#filter === "unsure") this.#filter = FILTERS[0]; // its button is hidden
    const all = filtered(this.#project, threshold);
    for (const [filter, button] of this.#buttons) {
      button.setAttribute("aria-pressed", String(filter === this.#filter));
      setText(button.lastChild, count(all[filter].length));
      button.classList.toggle("empty", !all[filter].length);
      button.hidden = several && filter === "unsure"; // each class has a threshold of its own
    }
    const sizes = new Map();
    for (const picture of all[this.#filter])
      for (const id of classesFor(this.#project, picture)) sizes.set(id, (sizes.get(id) ?? 0) + 1);
    this.shown = all[this.#filter];
    if (this.#id) this.shown = this.shown.filter((picture) => classesFor(this.#project, picture).includes(this.#id));
    this.shown = [...new Set([...this.shown, ...held])];
    this.#showClasses([...classes.map(({ id }) => id), NONE].map((id) => [id, sizes.get(id) ?? 0]));
  }

  #showClasses(sizes) {
    const texts = sizes.map(([id, n]) => [id, `${this.#project.className(id)} (${count(n)})`]);
    const options = JSON.stringify(texts);
    if (options !== this.#options) {
      this.#options = options;
      setChildren(this.#class, [["", say("every_class")], ...texts].map(([value, text]) => element("option", { value }, text)));
    }
    this.#class.value = this.#id;
  }
}
