/** All classes, and the form that adds one. */
import { ClassCard } from "./class_card.js";
import { byId, setChildren } from "./element.js";
import { readOut } from "./messages.js";
import { server } from "./server.js";
import { say } from "./words.js";

export class ClassList {
  #project;
  #sources;
  #cards = new Map();

  /** @param sources - {uploads, camera}: the sources of new pictures. */
  constructor(project, sources) {
    this.#project = project;
    this.#sources = sources;
    const field = byId("new-class-name");
    byId("new-class").addEventListener("submit", async (event) => {
      event.preventDefault();
      const name = field.value.trim();
      if (name && !(await addClasses(project, [name]))) return;
      field.value = "";
      field.focus();
    });
    byId("add-folders").addEventListener("click", () =>
      sources.uploads.choose("folders", { folder: true }),
    );
  }

  show() {
    const { classes } = this.#project;
    for (const { id } of classes)
      if (!this.#cards.has(id)) this.#cards.set(id, new ClassCard(id, this.#project, this.#sources));
    const ids = new Set(classes.map(({ id }) => id));
    for (const id of this.#cards.keys()) if (!ids.has(id)) this.#cards.delete(id);
    setChildren(byId("class-list"), classes.map(({ id }) => this.#cards.get(id).node));
    for (const [place, entry] of classes.entries()) this.#cards.get(entry.id).show(entry, place);
  }
}

/** Adds classes with these names; returns whether the server accepted all of them. */
export async function addClasses(project, names) {
  for (const name of names) if (!(await project.change(() => server.addClass(name)))) return false;
  readOut(say("class_added", { name: names.join(", ") }));
  return true;
}
