/** The choice of a class: a dialog with a field that filters as one types, and buttons for likely classes. */
import { suggestedFor } from "./answers.js";
import { addedClass, isSameName, matching } from "./class_names.js";
import { choiceOf, showDialog } from "./dialog.js";
import { button, byId, html, ifLong } from "./html.js";
import { NONE } from "./piles.js";
import { project } from "./project.js";
import { count, say } from "./words.js";

const MAX_BUTTONS = 9; // the classes with a key of their own

/** Asks for the class of pictures; returns its id, NONE, or null if the dialog is closed. */
export async function pickClass(pictures) {
  const suggested = suggestedFor(pictures);
  let [text, active] = ["", 0];

  const found = () => {
    const classes = project.classes.map(({ id, name, pictures: all, place }) => ({ id, name, number: place + 1, n: all.length }));
    classes.push({ id: NONE, name: say("none_of_these"), number: 0, n: project.none.length });
    const shown = matching(classes, text, suggested);
    const isNew = text && !/^\d+$/.test(text) && !classes.some(({ name }) => isSameName(name, text));
    return isNew ? [...shown, { id: null, name: say("pick_new", { name: text }), number: "+" }] : shown;
  };
  const pick = async (option) => {
    const id = option && (option.id ?? (await addedClass(text)));
    if (id) dialog.close(id);
  };
  const onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (event.isComposing || !(step || event.key === "Enter")) return;
    event.preventDefault();
    if (!step) return void pick(found()[active]);
    active = Math.min(Math.max(active + step, 0), found().length - 1);
    dialog.refresh();
    byId(`pick-${active}`)?.scrollIntoView({ block: "nearest" });
  };
  const oninput = ({ target }) => {
    [text, active] = [target.value.trim(), 0];
    dialog.refresh();
  };
  const item = (option, place) => html`
    <li key=${place} id="pick-${place}" role="option" aria-selected=${place === active} onclick=${() => pick(option)}>
      <kbd aria-hidden="true">${option.number}</kbd>
      <span class="option-name">${option.name}</span>
      ${option.n !== undefined && html`<span class="muted" aria-hidden="true">${count(option.n)}</span>`}
    </li>`;
  const view = () => html`
    <input type="text" role="combobox" autocomplete="off" maxlength="120" placeholder=${say("pick_placeholder")}
      aria-label=${say("pick_placeholder")} aria-controls="pick-list" aria-expanded="true" aria-autocomplete="list"
      aria-activedescendant=${found().length ? `pick-${active}` : undefined} oninput=${oninput} onkeydown=${onkeydown}>
    <ul class="options" id="pick-list" role="listbox" aria-label=${say("classes_title")}>${found().map(item)}</ul>
    <p class="muted">${say("pick_keys")}</p>`;

  const dialog = showDialog(() => say("pick_title", { n: pictures.length }), view, "picker");
  return (await choiceOf(dialog)) || null;
}

/** Buttons for the class of pictures, some `pressed`: of all classes if they are few, else of the likely ones. */
export function classButtons(pictures, pressed, put) {
  const { classes, rank } = project;
  const all = classes.map(({ id }) => id);
  const likely = () => [...new Set([...pressed, ...suggestedFor(pictures).slice(0, 4)])].filter((id) => rank.has(id));
  return (all.length > MAX_BUTTONS ? likely() : all).map((id) => {
    const [name, place] = [project.className(id), rank.get(id)];
    return html`
      <button class="selection-class" type="button" key=${id} title=${name} aria-pressed=${pressed.includes(id)}
        onclick=${() => put(id)}>
        <kbd aria-hidden="true" hidden=${place >= MAX_BUTTONS}>${place + 1}</kbd>
        <span class="two-lines ${ifLong(name)}">${name}</span>
      </button>`;
  });
}

/** A button that asks for any class. */
export const otherClassButton = (choose) =>
  button("search_classes", choose, { class: "class-other", shortcut: "C", "aria-haspopup": "dialog" });
