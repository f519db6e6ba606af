/** All classes in compact rows, a search if they are many, and the form that adds one. */
import { addClasses } from "./add_classes.js";
import { ClassCard } from "./class_card.js";
import { matching } from "./class_search.js";
import { byId, setChildren, setText } from "./element.js";
import { classesFor } from "./several.js";
import { count, say } from "./words.js";

const MANY = 10; // classes; from this number on they can be searched
const FEW = 4; // classes; up to this number they are open at first

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
    byId("class-search").addEventListener("input", () => this.show());
    drawer();
  }

  show() {
    const { classes, rank } = this.#project;
    setText(byId("class-count"), count(classes.length));
    setText(byId("classes-toggle"), say("to_classes", { n: classes.length }));
    for (const { id } of classes)
      if (!this.#cards.has(id)) this.#cards.set(id, new ClassCard(id, this.#project, this.#sources));
    for (const id of this.#cards.keys()) if (!rank.has(id)) this.#cards.delete(id);
    byId("class-search").hidden = classes.length < MANY;
    const text = byId("class-search").hidden ? "" : byId("class-search").value;
    const numbered = classes.map((entry, place) => ({ ...entry, number: place + 1 }));
    const shown = matching(numbered, text);
    const answered = this.#answered();
    setChildren(byId("class-list"), shown.map(({ id }) => this.#cards.get(id).node));
    for (const { id, number } of shown)
      this.#cards.get(id).show(classes[number - 1], {
        place: number - 1,
        answered: answered.get(id) ?? 0,
        opens: classes.length <= FEW,
      });
    byId("class-none").hidden = !text || shown.length > 0;
  }

  /** id of a class → the number of pictures in the tray with it as their answer. */
  #answered() {
    const sizes = new Map();
    for (const picture of this.#project.tray)
      for (const id of classesFor(this.#project, picture)) sizes.set(id, (sizes.get(id) ?? 0) + 1);
    return sizes;
  }
}

/** In a narrow window the classes are a drawer, which a button of the toolbar opens. */
function drawer() {
  const toggle = byId("classes-toggle");
  const open = (is) => {
    document.body.classList.toggle("classes-open", is);
    toggle.setAttribute("aria-expanded", String(is));
    byId(is ? "classes-title" : "classes-toggle").focus({ preventScroll: true });
  };
  toggle.addEventListener("click", () => open(!document.body.classList.contains("classes-open")));
  byId("classes-close").addEventListener("click", () => open(false));
  byId("classes").addEventListener("keydown", (event) => {
    if (event.key === "Escape" && byId("classes-close").checkVisibility() && !event.target.matches("input, textarea"))
      open(false);
  });
}
