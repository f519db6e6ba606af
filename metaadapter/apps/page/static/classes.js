/** All classes in compact rows, which open, a search if they are many, and the form that adds one. */
import { answerOf, classesOf, fileText, isDoubtful, sizesOf } from "./answers.js";
import { openCamera } from "./camera.js";
import { addClasses, matching } from "./class_names.js";
import { pick } from "./dialog.js";
import { button, byId, html, ifLong, render } from "./html.js";
import { readOut } from "./messages.js";
import { showPicture } from "./picture_dialog.js";
import { NONE } from "./piles.js";
import { project } from "./project.js";
import { move } from "./project_dialog.js";
import { edits, thumbnail } from "./server.js";
import { chooseFiles, drag } from "./uploads.js";
import { count, inList, percent, say } from "./words.js";

const MANY = 10; // classes; from this number on they can be searched
const FEW = 4; // classes; up to this number they are open at first
const MAX_SHOWN = 12; // pictures of a class, until a button shows all

const opened = new Map(); // id → whether a person has opened or closed the row
const showsAll = new Set(); // ids of the classes that show all their pictures
let removed = null; // {name, at} of a class that was just removed: its row offers to undo this

export function showClasses() {
  const { classes, tray, answers } = project;
  render(byId("class-count"), count(classes.length));
  render(byId("classes-toggle"), say("to_classes", { n: classes.length }));
  byId("class-search").hidden = classes.length < MANY;
  const text = byId("class-search").hidden ? "" : byId("class-search").value;
  const answered = sizesOf(tray);
  const shown = matching(classes.map((entry) => ({ ...entry, number: entry.place + 1 })), text);
  const list = shown.map((entry) => {
    const isOpen = opened.get(entry.id) ?? classes.length <= FEW;
    return html`
      <div class="class ${isOpen && "open"}" key=${entry.id} role="listitem" data-drop=${entry.id}>
        ${rowOf(entry, isOpen, answered.get(entry.id) ?? 0)}
      </div>`;
  });
  if (removed && !text) list.splice(removed.at, 0, removedRow());
  render(byId("class-list"), list);
  byId("class-none").hidden = !text || shown.length > 0;

  const [row, isOpen] = [byId("none-row"), opened.get(NONE) ?? false];
  row.hidden = !classes.length;
  row.classList.toggle("open", isOpen);
  const none = { id: NONE, name: say("none_of_these"), number: 0, pictures: project.none };
  render(row, rowOf(none, isOpen, tray.filter((picture) => answerOf(answers[picture]) === NONE).length));
}

/** What a row shows: of a class, or of NONE, which has no fields. `answered` counts the pictures of the tray. */
function rowOf({ id, name, description, number, pictures }, isOpen, answered) {
  const show = say("show_answered", { n: answered, name });
  const isClass = id !== NONE;
  const filter = isClass ? { filter: "sort", id } : { filter: "none", id: "" };
  const turnRow = () => turn(() => opened.set(id, !isOpen));
  return html`
    <div class="class-head">
      <button class="quiet class-toggle" type="button" aria-expanded=${isOpen} onclick=${turnRow}>
        <kbd class="class-key ${number > 9 && "no-key"}" aria-hidden="true">${number}</kbd>
        <span class="class-title two-lines ${ifLong(name)} ${isClass && isOpen && "unseen"}" title=${name}>${name}</span>
      </button>
      ${isClass && isOpen && field(id, "name", name, { "aria-label": say("class_name_label", { name }), maxlength: 120 })}
      <span class="muted count" title=${say("n_pictures", { n: pictures.length })}>${count(pictures.length)}</span>
      <button class="quiet class-answered" type="button" hidden=${!answered} title=${show} aria-label=${show}
        onclick=${() => project.emit("filter", filter)}>${count(answered)}</button>
    </div>
    ${isOpen && bodyOf(id, name, description, pictures)}`;
}

function bodyOf(id, name, description, pictures) {
  const isClass = id !== NONE;
  const isWhole = showsAll.has(id) || pictures.length <= MAX_SHOWN;
  const turnAll = () => turn(() => (isWhole ? showsAll.delete(id) : showsAll.add(id)));
  const shown = (isWhole ? pictures : pictures.slice(0, MAX_SHOWN)).map((one) => example(one, pictures));
  const label = { "aria-label": say("description_label", { name }), placeholder: say("description_placeholder") };
  const action = (key, onclick) => button(key, onclick, { class: "quiet", "aria-label": say("of_class", { what: say(key), name }) });
  return html`
    <div class="class-body">
      ${isClass && field(id, "description", description ?? "", { ...label, maxlength: 500 })}
      <div class="shots" role="list" hidden=${!pictures.length}>${shown}</div>
      <p class="class-empty muted" hidden=${pictures.length > 0}>${say(isClass ? "class_empty" : "none_empty")}</p>
      <div class="class-actions">
        <button class="quiet" type="button" hidden=${pictures.length <= MAX_SHOWN} onclick=${turnAll}>
          ${isWhole ? say("show_fewer") : say("show_all", { n: pictures.length })}
        </button>
        ${isClass && action("add_pictures", () => chooseFiles(id))}
        ${isClass && action("camera", () => openCamera(id))}
        ${isClass && project.classes.length > 1 && action("class_merge", () => merge(id, name))}
        ${isClass && project.has_others && action("move", () => move(name, (to) => edits.removeClass(id, to)))}
        ${isClass && action("class_remove", () => remove(id))}
      </div>
    </div>`;
}

/** Asks for another class, which gets the pictures of the class; this one goes. */
async function merge(id, name) {
  const others = () => project.classes.filter((other) => other.id !== id).map((other) => [other.id, other.name]);
  const into = await pick(() => say("of_class", { what: say("class_merge"), name }), others);
  if (into && (await project.change(edits.mergeClass(id, into)))) readOut(say("class_merged", { name, other: project.className(into) }));
}

async function remove(id) {
  const at = project.classes.findIndex((entry) => entry.id === id);
  const { name } = project.classes[at];
  if (!(await project.change(edits.removeClass(id)))) return;
  turn(() => (removed = { name, at }));
  byId("removed-undo")?.focus();
}

const removedRow = () => html`
  <div class="class removed" key="removed" role="listitem">
    <p role="status">${say("class_removed", { name: removed.name })}</p>
    ${button("undo", () => byId("undo").click(), { id: "removed-undo", class: "quiet" })}
  </div>`;

/** Shows below the field of a new class why its name is refused; returns whether this is so. */
export function showRefusedName({ kind, message }, edit) {
  const [line, field] = [byId("class-refusal"), byId("new-class-name")];
  const isHere = field.checkVisibility() && !document.querySelector("dialog[open]");
  if (!isHere || edit?.path !== "/classes" || !kind?.startsWith("name-")) return false;
  render(line, message);
  field.value ||= edit.json.name;
  field.select();
  return true;
}

function turn(change) {
  change();
  showClasses();
}

/** A field of a class, which changes it; Enter and Escape leave it. */
function field(id, key, value, properties) {
  const change = async (target) => {
    const text = target.value.trim();
    const isChanged = text !== value && (text || key !== "name");
    const show = () => Object.assign(project.classes.find((entry) => entry.id === id) ?? {}, { [key]: text });
    if (!isChanged || !(await project.change(edits.changeClass(id, { [key]: text }), show))) target.value = value;
  };
  const onkeydown = ({ key: pressed, isComposing, target }) => {
    if (isComposing || (pressed !== "Enter" && pressed !== "Escape")) return;
    if (pressed === "Escape") target.value = value;
    target.closest(".class").querySelector(".class-toggle").focus();
  };
  return html`
    <input class="class-${key}" type="text" autocomplete="off" ...${properties} value=${value}
      onchange=${({ target }) => change(target)} onkeydown=${onkeydown}>`;
}

/** A labelled picture, with what the others say if they contradict. */
function example(picture, pictures) {
  const answer = project.left_out[picture];
  const doubted = isDoubtful(picture);
  const name = inList(classesOf(answer).map((id) => project.className(id)));
  const doubt = { file: project.names[picture] ?? "", name, probability: percent(answer?.probability ?? 0) };
  const title = doubted && answer ? say("example_doubted", doubt) : fileText(picture);
  const ondragstart = (event) => drag(event, [picture]);
  const open = () => showPicture(picture, [...pictures]);
  return html`
    <div key=${picture} role="listitem">
      ${shot(picture, title, open, { draggable: true, ondragstart, class: `shot ${doubted ? "doubted" : ""}` })}
    </div>`;
}

/** A small picture that is a button. */
export const shot = (picture, title, onclick, properties) => html`
  <button class="shot" type="button" key=${picture} title=${title} aria-label=${title || say("picture")} onclick=${onclick}
    ...${properties}>
    <img alt="" loading="lazy" decoding="async" src=${thumbnail(picture)}>
  </button>`;

/** Listens to the form that adds a class, the search, and the drawer of the classes in a narrow window. */
export function listenInClasses() {
  const name = byId("new-class-name");
  byId("new-class").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (name.value.trim() && !(await addClasses([name.value.trim()]))) return;
    name.value = "";
    name.focus();
  });
  name.addEventListener("input", () => render(byId("class-refusal")));
  project.addEventListener("edit", () => {
    render(byId("class-refusal"));
    removed = null;
  });
  byId("add-folders").addEventListener("click", () => chooseFiles("folders", { folder: true }));
  byId("class-search").addEventListener("input", showClasses);

  const [toggle, close] = [byId("classes-toggle"), byId("classes-close")];
  const open = (is) => {
    document.body.classList.toggle("classes-open", is);
    toggle.setAttribute("aria-expanded", String(is));
    byId(is ? "classes-title" : "classes-toggle").focus({ preventScroll: true });
  };
  toggle.addEventListener("click", () => open(!document.body.classList.contains("classes-open")));
  close.addEventListener("click", () => open(false));
  byId("classes").addEventListener("keydown", ({ key, target }) => {
    if (key === "Escape" && close.checkVisibility() && !target.matches("input, textarea")) open(false);
  });
}
