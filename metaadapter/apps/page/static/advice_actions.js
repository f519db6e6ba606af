/** The buttons that settle a piece of advice, and the words for what was done. */
import { addClasses } from "./add_classes.js";
import { showDialog } from "./dialog.js";
import { element } from "./element.js";
import { say } from "./words.js";

/** @param piece - with the `actions` that the server allows. @param about - id of its sentence. */
export function adviceActions(project, piece, about) {
  const settler = (action, text, onclick) =>
    element("button", { type: "button", onclick, "data-action": action, "aria-describedby": about }, text);
  const buttons = piece.actions.map((action) =>
    settler(action, textOf(project, piece, action), () => project.settle(piece, action)),
  );
  if (piece.kind !== "alike") return buttons;
  return [settler("class", say("advice_class"), () => askForName(project, piece.pictures)), ...buttons];
}

/** What was done about a settled piece, as the beginning of a line. */
export function settledText(project, piece) {
  return say(`settled_${piece.action}`, { name: project.className(piece.classes[1]) });
}

const textOf = (project, { classes }, action) =>
  action === "none" ? say("none_of_these") : say(`advice_${action}`, { name: project.className(classes[1]) });

/** Asks for the name of a new class, and puts the pictures into it. */
function askForName(project, pictures) {
  const field = element("input", { maxLength: 120, "aria-label": say("new_class_label"), autocomplete: "off" });
  const onsubmit = async (event) => {
    event.preventDefault();
    const name = field.value.trim();
    if (!name || !(await addClasses(project, [name]))) return;
    dialog.close();
    const made = project.classes.find((entry) => entry.name === name);
    if (made) project.label(Object.fromEntries(pictures.map((picture) => [picture, made.id])));
  };
  const submit = element("button.primary", { type: "submit" }, say("new_class"));
  const dialog = showDialog(say("advice_class"), element("form.new-class", { onsubmit }, field, submit));
  field.focus();
}
