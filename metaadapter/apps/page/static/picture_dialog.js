/** One picture, enlarged, with its answer, buttons for its class, and the pictures before and after it. */
import { answerText } from "./answer_text.js";
import { ClassButtons } from "./class_buttons.js";
import { pickClass } from "./class_picker.js";
import { showDialog } from "./dialog.js";
import { edits } from "./edits.js";
import { element, setChildren, setText } from "./element.js";
import { answerOf } from "./filters.js";
import { showFrames } from "./frame_dialog.js";
import { note, showError } from "./messages.js";
import { NONE } from "./none.js";
import { whole } from "./server.js";
import { classesFor, classesOf, withClassTurned } from "./several.js";
import { count, inList, say } from "./words.js";

/**
 * @param project - a Project. @param {string} picture
 * @param {string[]} pictures - the pictures to go through with the arrow keys.
 * @param {function(string)} onShow - called with each picture that is shown.
 */
export function showPicture(project, picture, pictures = [picture], onShow = () => {}) {
  if (project.frames[picture])
    return showFrames(project, picture, pictures, onShow).catch((error) => showError(error.message));
  const view = new PictureView(project, pictures, pictures.indexOf(picture), onShow);
  return view.open();
}

class PictureView {
  #project;
  #pictures;
  #place;
  #onShow;
  #dialog = null;
  #image = element("img.whole");
  #where = element("p.muted.where");
  #state = element("p.picture-state", { role: "status" });
  #classes = element("div.choices");
  #actions = element("div.choices");
  #classButtons;

  constructor(project, pictures, place, onShow) {
    this.#project = project;
    this.#pictures = pictures;
    this.#place = Math.max(place, 0);
    this.#onShow = onShow;
    this.#classButtons = new ClassButtons(project, (id) => this.#label(id), () => this.#choose());
  }

  get #picture() {
    return this.#pictures[this.#place];
  }

  open() {
    const step = (places, key, text) =>
      element("button.step", { type: "button", onclick: () => this.#go(places), title: say(key), "aria-label": say(key) }, text);
    const steps = this.#pictures.length > 1 ? [step(-1, "previous", "‹"), this.#where, step(1, "next", "›")] : [];
    const side = element(
      "div.picture-side",
      {},
      this.#state,
      element("p.muted", {}, say(this.#project.several ? "shows" : "put_into")),
      this.#classes,
      this.#actions,
      element("p.muted.keys", {}, say(this.#project.several ? "picture_keys_several" : "picture_keys")),
    );
    this.#dialog = showDialog(" ", element("div.picture-view", {}, element("div.picture-frame", {}, this.#image, element("div.steps-line", {}, ...steps)), side));
    this.#dialog.classList.add("picture-dialog");
    this.#dialog.tabIndex = -1;
    const show = () => this.#show();
    this.#project.addEventListener("change", show);
    this.#dialog.addEventListener("close", () => this.#project.removeEventListener("change", show));
    this.#dialog.addEventListener("keydown", (event) => this.#key(event));
    this.#show();
    this.#dialog.focus();
  }

  #show() {
    const { names, answers, left_out, several } = this.#project;
    const picture = this.#picture;
    const labels = this.#project.labelsOf(picture);
    const [label] = labels;
    const answer = (label ? left_out : answers)[picture];
    const file = names[picture] || say("picture");
    setText(this.#dialog.querySelector("h2"), file);
    if (this.#image.alt !== file || !this.#image.src.endsWith(whole(picture))) {
      this.#image.src = whole(picture);
      this.#image.alt = file;
    }
    setText(this.#where, say("place", { n: this.#place + 1, of: count(this.#pictures.length) }));
    const lines = [
      label ? say("picture_of", { name: inList(labels.map((id) => this.#project.className(id))) }) : "",
      answer ? (label ? say("left_out", { answer: answerText(this.#project, answer) }) : answerText(this.#project, answer)) : "",
    ];
    setText(this.#state, lines.filter(Boolean).join(" ") || say("no_answer"));
    const focused = [this.#actions, this.#classes].some((node) => node.contains(document.activeElement));
    const pressed = several ? classesFor(this.#project, picture) : labels;
    setChildren(this.#classes, [...this.#classButtons.nodes([picture], pressed), this.#classButtons.other]);
    const button = (tag, key, shortcut, onclick) =>
      element(tag, { type: "button", onclick }, say(key), element("kbd", { "aria-hidden": "true" }, shortcut));
    this.#actions.replaceChildren(
      ...[
        answer && !label ? button("button.primary", "accept_selected", "↵", () => this.#accept()) : null,
        label === NONE ? null : button("button", "none_of_these", "0", () => this.#label(NONE)),
        label ? button("button.quiet", "to_tray", "B", () => this.#label(null)) : null,
        button("button.quiet", "remove", say("delete_key"), () => this.#remove()),
      ].filter(Boolean),
    );
    if (focused && !this.#dialog.contains(document.activeElement)) this.#dialog.focus();
  }

  #go(places) {
    const place = this.#place + places;
    if (place < 0 || place >= this.#pictures.length) return;
    this.#place = place;
    this.#onShow(this.#picture);
    this.#show();
  }

  /**
   * Labels the picture and goes on to the next one; the last one closes the view. With several
   * labels a class is added or taken away, and the view stays.
   */
  #label(id) {
    if (id === undefined) return;
    const { several } = this.#project;
    if (several && typeof id === "string" && id !== NONE) {
      this.#project.label(withClassTurned(this.#project, [this.#picture], id));
      return; // it may show more
    }
    this.#project.label({ [this.#picture]: id });
    if (this.#place + 1 < this.#pictures.length) this.#go(1);
    else this.#dialog.close();
  }

  async #choose() {
    const id = await pickClass(this.#project, [this.#picture]);
    if (id) this.#label(id);
    else this.#dialog.focus();
  }

  #accept() {
    const { labels, answers } = this.#project;
    if (labels.has(this.#picture)) this.#go(1);
    else if (this.#project.hasJustChanged(this.#picture)) note(say("answer_changed"));
    else if (answers[this.#picture]?.labels) this.#label(classesOf(answers[this.#picture]).filter((id) => id !== NONE));
    else if (answers[this.#picture]) this.#label(answerOf(answers[this.#picture]));
  }

  #remove() {
    const picture = this.#picture;
    this.#project.removePictures([picture]);
    note(say("removed", { n: 1 }), { label: say("undo"), run: () => this.#project.change(edits.undo()) });
    this.#pictures = this.#pictures.filter((other) => other !== picture);
    this.#place = Math.min(this.#place, this.#pictures.length - 1);
    if (this.#pictures.length) this.#show();
    else this.#dialog.close();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "Enter" && event.target.closest("button")) return;
    const { classes } = this.#project;
    const action = /^[1-9]$/.test(key)
      ? () => classes[key - 1] && this.#label(classes[key - 1].id)
      : {
          0: () => this.#label(NONE),
          Enter: () => this.#accept(),
          ArrowLeft: () => this.#go(-1),
          ArrowRight: () => this.#go(1),
          b: () => this.#label(null),
          c: () => this.#choose(),
          "/": () => this.#choose(),
          v: () => this.#dialog.close(),
          Delete: () => this.#remove(),
        }[key];
    if (!action || event.repeat && !key.startsWith("Arrow")) return;
    event.preventDefault();
    action();
  }
}
