/** A dialog that asks for a class: a field that filters as one types, and a list for the arrow keys. */
import { addClasses } from "./add_classes.js";
import { isSameName, matching } from "./class_search.js";
import { showDialog } from "./dialog.js";
import { element, setChildren } from "./element.js";
import { NONE } from "./none.js";
import { count, say } from "./words.js";

/** Asks for the class of pictures; returns its id, NONE, or null if the dialog is closed. */
export function pickClass(project, pictures) {
  return new Promise((resolve) => {
    const picker = new Picker(project, suggestedFor(project, pictures), (id) => {
      chosen = id;
      dialog.close();
    });
    let chosen = null;
    const dialog = showDialog(say("pick_title", { n: pictures.length }), picker.field, picker.list, element("p.muted", {}, say("pick_keys")));
    dialog.classList.add("picker");
    dialog.addEventListener("close", () => resolve(chosen));
    picker.field.focus();
  });
}

/** The classes that pictures are most probably in, by their answers. */
export function suggestedFor(project, pictures) {
  const votes = new Map();
  for (const picture of pictures.slice(0, 500)) {
    const answer = project[project.labels.has(picture) ? "left_out" : "answers"][picture];
    if (!answer) continue;
    if (answer.labels) {
      for (const [id, p] of Object.entries(answer.probabilities)) votes.set(id, (votes.get(id) ?? 0) + p);
      continue;
    }
    votes.set(answer.class, (votes.get(answer.class) ?? 0) + answer.probability);
    const { runner_up: second, runner_up_probability: probability } = answer;
    if (second) votes.set(second, (votes.get(second) ?? 0) + probability);
  }
  return [...votes].sort((a, b) => b[1] - a[1]).map(([id]) => id);
}

class Picker {
  #project;
  #suggested;
  #onPick;
  #options = [];
  #active = 0;
  list = element("ul.options", { id: "pick-list", role: "listbox", "aria-label": say("classes_title") });
  field = element("input", {
    type: "text",
    role: "combobox",
    autocomplete: "off",
    maxLength: 120,
    placeholder: say("pick_placeholder"),
    "aria-label": say("pick_placeholder"),
    "aria-controls": "pick-list",
    "aria-expanded": "true",
    "aria-autocomplete": "list",
    oninput: () => this.#show(),
    onkeydown: (event) => this.#key(event),
  });

  constructor(project, suggested, onPick) {
    this.#project = project;
    this.#suggested = suggested;
    this.#onPick = onPick;
    this.#show();
  }

  #show() {
    const text = this.field.value.trim();
    const numbered = this.#project.classes.map(({ id, name, pictures }, place) => ({
      id, name, number: place + 1, n: pictures.length,
    }));
    const none = { id: NONE, name: say("none_of_these"), number: 0, n: this.#project.none.length };
    this.#options = matching([...numbered, none], text, this.#suggested);
    if (text && !/^\d+$/.test(text) && ![...numbered, none].some(({ name }) => isSameName(name, text)))
      this.#options.push({ id: null, name: say("pick_new", { name: text }), number: null, n: null });
    this.#active = 0;
    setChildren(this.list, this.#options.map((option, place) => this.#item(option, place)));
    this.#mark();
  }

  #item(option, place) {
    return element(
      "li",
      { id: `pick-${place}`, role: "option", onclick: () => this.#pick(option) },
      element("kbd", { "aria-hidden": "true" }, option.number === null ? "+" : String(option.number)),
      element("span.option-name", {}, option.name),
      option.n === null ? null : element("span.muted", { "aria-hidden": "true" }, count(option.n)),
    );
  }

  #mark() {
    [...this.list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === this.#active)));
    const active = this.list.children[this.#active];
    if (!active) return this.field.removeAttribute("aria-activedescendant");
    active.scrollIntoView({ block: "nearest" });
    return this.field.setAttribute("aria-activedescendant", active.id);
  }

  #key(event) {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step) this.#active = Math.min(Math.max(this.#active + step, 0), this.#options.length - 1);
    else if (event.key === "Enter") this.#pick(this.#options[this.#active]);
    else return;
    event.preventDefault();
    this.#mark();
  }

  async #pick(option) {
    if (!option) return;
    if (option.id) return void this.#onPick(option.id);
    const name = this.field.value.trim();
    if (!(await addClasses(this.#project, [name]))) return;
    const made = this.#project.classes.find((entry) => isSameName(entry.name, name));
    if (made) this.#onPick(made.id);
  }
}
