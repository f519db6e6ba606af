/** What a person does with pictures of the tray; the selected pictures are meant by default. */
import { acceptedLabel, hasJustChanged, withClassTurned } from "./answers.js";
import { pickClass } from "./class_picker.js";
import { note, readOut } from "./messages.js";
import { NONE, sameLabel } from "./piles.js";
import { project } from "./project.js";
import { move } from "./project_dialog.js";
import { edits } from "./server.js";
import { tray } from "./tray.js";
import { inList, say } from "./words.js";

export const actions = {
  /** Puts pictures into a class, or with NONE into none of them; with several labels see `turn`. */
  put(id, pictures = tray.selected) {
    if (!id || !pictures.length) return;
    if (project.several && id !== NONE) return void turn(id, pictures);
    const [key, n] = [id === NONE ? "put_none" : "put", pictures.length];
    report(say(key, { n, name: project.className(id), left: label(sameLabel(pictures, id)) }), n);
  },

  /** Asks for the class of the selected pictures. */
  async chooseClass() {
    const pictures = tray.selected;
    if (pictures.length) actions.put(await pickClass(pictures), pictures);
  },

  /** Makes the answers of pictures without a label their labels. */
  accept(pictures = tray.selected) {
    const { answers, labels } = project;
    const waiting = pictures.filter((picture) => !labels.has(picture));
    const answered = waiting.filter((picture) => answers[picture]);
    const n = answered.length;
    if (pictures.length && !waiting.length) return tray.move(1);
    if (!n) return pictures.length ? note(say("nothing_to_accept")) : undefined;
    if (n === 1 && hasJustChanged(answered[0])) return note(say("answer_changed"));
    const accepted = answered.map((picture) => [picture, acceptedLabel(answers[picture])]);
    return report(say("accepted", { n, left: label(Object.fromEntries(accepted)) }), n);
  },

  /** Takes the labels of pictures away. */
  takeBack(pictures = tray.selected) {
    const labelled = pictures.filter((picture) => project.labels.has(picture));
    if (!labelled.length) return;
    label(sameLabel(labelled, null));
    report(say("taken_back", { n: labelled.length }), labelled.length);
  },

  /** Asks for another project, which gets the selected pictures with their labels. */
  move() {
    const pictures = tray.selected;
    const name = say("n_pictures", { n: pictures.length });
    if (pictures.length) move(name, (to) => edits.removePictures(pictures, to));
  },

  remove(pictures = tray.selected) {
    if (!pictures.length) return;
    project.removePictures(pictures);
    tray.showChange();
    report(say("removed", { n: pictures.length }), Infinity);
  },
};

/** Adds a class to pictures, or takes it away if all show it; they stay, to get further ones. */
function turn(id, pictures) {
  const [first] = pictures;
  const n = pictures.length;
  if (n === 1 && !project.labels.has(first) && hasJustChanged(first)) return note(say("answer_changed"));
  const turned = withClassTurned(pictures, id);
  const left = label(turned, true);
  const names = inList((turned[first].length ? turned[first] : [NONE]).map((one) => project.className(one)));
  return report(say("turned", { n, names, name: project.className(id), left }), n);
}

/** Labels pictures, which may stay (`holds`); returns the number of pictures that are left to sort. */
function label(labels, holds = false) {
  project.label(labels);
  tray.showChange(holds);
  return project.tray.length;
}

/** Reads a message out, or with several pictures shows it with a button that undoes the change. */
function report(text, n) {
  if (n === 1) readOut(text);
  else note(text, async () => tray.showAgain((await project.step("undo"))?.pictures));
}
