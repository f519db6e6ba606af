/** All classes, and the form that makes a new one. */
import { ClassCard } from "./class_card.js";
import { byId, setChildren } from "./element.js";
import { server } from "./interface.js";
import { readOut } from "./messages.js";
import { say } from "./words.js";

export class ClassList {
  #project;
  #parts;
  #cards = new Map();

  /** @param parts - {takingIn, camera}, which the cards hand pictures over to. */
  constructor(project, parts) {
    this.#project = project;
    this.#parts = parts;
    const name = byId("new-class-name");
    byId("new-class").addEventListener("submit", async (event) => {
      event.preventDefault();
      const wanted = name.value.trim();
      if (!wanted) return name.focus();
      if (!(await makeClasses(project, [wanted]))) return undefined;
      name.value = "";
      return name.focus();
    });
    byId("add-folders").addEventListener("click", () =>
      parts.takingIn.choose("folders", { folder: true }),
    );
  }

  show() {
    const { classes } = this.#project;
    for (const { id } of classes)
      if (!this.#cards.has(id)) this.#cards.set(id, new ClassCard(id, this.#project, this.#parts));
    const there = new Set(classes.map(({ id }) => id));
    for (const id of this.#cards.keys()) if (!there.has(id)) this.#cards.delete(id);
    setChildren(byId("class-list"), classes.map(({ id }) => this.#cards.get(id).node));
    for (const [at, one] of classes.entries()) this.#cards.get(one.id).show(one, at);
  }
}

/** Makes classes of these names; whether the server took all of them. */
export async function makeClasses(project, names) {
  for (const name of names) if (!(await project.change(() => server.addClass(name)))) return false;
  readOut(say("class_made", { name: names.join(", ") }));
  return true;
}
