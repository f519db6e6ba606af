/** What a person does with pictures of the tray: labels and removes them. */
import { pickClass } from "./class_picker.js";
import { edits } from "./edits.js";
import { answerOf } from "./filters.js";
import { note, readOut } from "./messages.js";
import { NONE } from "./none.js";
import { classesOf, withClassTurned } from "./several.js";
import { inList, say } from "./words.js";

export class TrayActions {
  #project;
  #tray;

  /** @param project - a Project. @param tray - a Tray, whose selected pictures are meant by default. */
  constructor(project, tray) {
    this.#project = project;
    this.#tray = tray;
  }

  /** Puts pictures into a class, or with NONE into none of them. */
  put(id, pictures = this.#tray.selected) {
    if (!id || !pictures.length) return;
    if (this.#project.several && id !== NONE) return void this.#turn(id, pictures);
    const left = this.#label(Object.fromEntries(pictures.map((picture) => [picture, id])));
    this.#report(say(id === NONE ? "put_none" : "put", { n: pictures.length, name: this.#project.className(id), left }), pictures.length);
  }

  /** Adds a class to pictures, or takes it away if all show it; they stay, to get further ones. */
  #turn(id, pictures) {
    const { labels } = this.#project;
    if (pictures.length === 1 && !labels.has(pictures[0]) && this.#project.hasJustChanged(pictures[0]))
      return note(say("answer_changed"));
    const turned = withClassTurned(this.#project, pictures, id);
    const left = this.#label(turned, true);
    const names = turned[pictures[0]].map((one) => this.#project.className(one));
    const text = inList(names.length ? names : [say("none_of_these")]);
    const n = pictures.length;
    return this.#report(say("turned", { n, names: text, name: this.#project.className(id), left }), n);
  }

  /** Puts the selected pictures into the class at a place, from 0. */
  putInto(place) {
    this.put(this.#project.classes[place]?.id);
  }

  putIntoNone() {
    this.put(NONE);
  }

  /** Asks for the class of the selected pictures. */
  async chooseClass() {
    const pictures = this.#tray.selected;
    if (pictures.length) this.put(await pickClass(this.#project, pictures), pictures);
  }

  /** Makes the answers of pictures without a label their labels. */
  accept(pictures = this.#tray.selected) {
    const { answers, labels } = this.#project;
    const waiting = pictures.filter((picture) => !labels.has(picture));
    const answered = waiting.filter((picture) => answers[picture]);
    if (pictures.length && !waiting.length) return this.#tray.move(1);
    if (!answered.length) return pictures.length ? note(say("nothing_to_accept")) : undefined;
    if (answered.length === 1 && this.#project.hasJustChanged(answered[0])) return note(say("answer_changed"));
    const left = this.#label(
      Object.fromEntries(answered.map((picture) => [picture, this.#labelOf(answers[picture])])),
    );
    return this.#report(say("accepted", { n: answered.length, left }), answered.length);
  }

  /** The label that an answer becomes. */
  #labelOf(answer) {
    return answer.labels ? classesOf(answer).filter((id) => id !== NONE) : answerOf(answer);
  }

  /** Takes the labels of pictures away. */
  takeBack(pictures = this.#tray.selected) {
    const labelled = pictures.filter((picture) => this.#project.labels.has(picture));
    if (!labelled.length) return;
    this.#label(Object.fromEntries(labelled.map((picture) => [picture, null])));
    this.#report(say("taken_back", { n: labelled.length }), labelled.length);
  }

  remove(pictures = this.#tray.selected) {
    if (!pictures.length) return;
    this.#project.removePictures(pictures);
    this.#tray.show();
    this.#report(say("removed", { n: pictures.length }), Infinity);
  }

  /** Labels pictures; returns the number of pictures that are left to sort. */
  #label(labels, holds = false) {
    this.#project.label(labels);
    this.#tray.showChange(holds);
    return this.#project.tray.length;
  }

  /** Reads a message out, or with several pictures shows it with a button that undoes the change. */
  #report(text, n) {
    if (n === 1) return readOut(text);
    return note(text, { label: say("undo"), run: () => this.#undo() });
  }

  async #undo() {
    const result = await this.#project.change(edits.undo());
    if (result) this.#tray.showAgain(result.pictures);
  }
}
