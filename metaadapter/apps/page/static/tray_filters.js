/** The filters above the tray: a button for each, and the class that pictures must have. */
import { classesFor, counts, isDoubtful, sizesOf } from "./answers.js";
import { byId, html, options, render } from "./html.js";
import { NONE } from "./piles.js";
import { project } from "./project.js";
import { count, say } from "./words.js";

const FILTERS = ["sort", "unsure", "none", "confirmed", "doubtful", "damaged"];

export class TrayFilters {
  #onChange;
  #filter = FILTERS[0];
  #id = "";

  /** The pictures that pass the filters. */
  shown = [];

  /** @param {function()} onChange - called when a person changes a filter. */
  constructor(onChange) {
    this.#onChange = onChange;
    byId("class-filter").addEventListener("change", ({ target }) => this.#choose(this.#filter, target.value));
    project.addEventListener("filter", ({ filter, id }) => this.#choose(filter, id));
  }

  /** Whether every picture without a label is shown. */
  get isOpen() {
    return this.#filter === FILTERS[0] && !this.#id;
  }

  /** @param {string[]} held - pictures that stay although they pass the filters no longer. */
  show(held = []) {
    const { classes, several, rank } = project;
    if (this.#id !== NONE && !rank.has(this.#id)) this.#id = "";
    const all = filtered();
    const hidden = { unsure: several, damaged: !all.damaged.length }; // of several, each class has a threshold
    if (hidden[this.#filter]) this.#filter = FILTERS[0];
    render(byId("filters"), FILTERS.map((filter) => this.#button(filter, all[filter].length, hidden[filter])));
    const sizes = sizesOf(all[this.#filter]);
    const ids = [...classes.map(({ id }) => id), NONE];
    const texts = ids.map((id) => [id, `${project.className(id)} (${count(sizes.get(id) ?? 0)})`]);
    render(byId("class-filter"), options([["", say("every_class")], ...texts]));
    byId("class-filter").value = this.#id;
    const passes = (picture) => !this.#id || classesFor(picture).includes(this.#id);
    this.shown = [...new Set([...all[this.#filter].filter(passes), ...held])];
  }

  #choose(filter, id) {
    [this.#filter, this.#id] = [filter, id];
    this.#onChange();
  }

  #button(filter, n, hidden = false) {
    return html`
      <button class="filter ${!n && "empty"}" type="button" key=${filter} title=${say(`filter_${filter}_words`)} hidden=${hidden}
        aria-pressed=${filter === this.#filter} onclick=${() => this.#choose(filter, "")}>
        ${say(filter === "none" ? "none_of_these" : `filter_${filter}`)}<span class="count">${count(n)}</span>
      </button>`;
  }
}

/** filter → its pictures. */
function filtered() {
  const { tray, answers, labels, minimum, advice, unreadable } = project;
  return {
    sort: tray,
    unsure: tray.filter((picture) => answers[picture]?.unfamiliar === false && !counts(answers[picture], minimum)),
    none: tray.filter((picture) => answers[picture]?.unfamiliar),
    confirmed: [...labels.keys()],
    doubtful: [...new Set(advice?.flatMap(({ pictures }) => pictures) ?? labels.keys())].filter(isDoubtful),
    damaged: [...tray, ...labels.keys()].filter((picture) => unreadable[picture]),
  };
}
