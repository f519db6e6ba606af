/** One picture, enlarged, with its answer, buttons for its class, and the pictures before and after it. */
import { acceptedLabel, answerFor, answerText, classesFor, hasJustChanged, withClassTurned } from "./answers.js";
import { classButtons, otherClassButton, pickClass } from "./class_picker.js";
import { showDialog } from "./dialog.js";
import { button, html } from "./html.js";
import { showFrames } from "./frame_dialog.js";
import { actionOf, repeatsInVain } from "./keys.js";
import { showKeys } from "./keys_dialog.js";
import { note, orError } from "./messages.js";
import { NONE } from "./piles.js";
import { project } from "./project.js";
import { Reasons } from "./reasons.js";
import { whole } from "./server.js";
import { count, inList, say } from "./words.js";

/**
 * @param {string} picture
 * @param {string[]} pictures - the pictures to go through with the arrow keys.
 * @param {function(string)} onShow - called with each picture that is shown.
 */
export function showPicture(picture, pictures = [picture], onShow = () => {}) {
  if (project.frames[picture]) return orError(showFrames(picture, pictures, onShow));
  const view = new PictureView(pictures, Math.max(pictures.indexOf(picture), 0), onShow);
  return view.open();
}

class PictureView {
  #pictures;
  #place;
  #onShow;
  #dialog = null;
  #reasons = new Reasons();

  constructor(pictures, place, onShow) {
    this.#pictures = pictures;
    this.#place = place;
    this.#onShow = onShow;
  }

  get #picture() {
    return this.#pictures[this.#place];
  }

  open() {
    const title = () => project.names[this.#picture] || say("picture");
    this.#dialog = showDialog(title, () => this.#view(title()), "picture-dialog");
    this.#dialog.addEventListener("keydown", (event) => this.#key(event));
    this.#dialog.focus();
  }

  #view(file) {
    const { several } = project;
    const picture = this.#picture;
    const labels = project.labelsOf(picture);
    const [label] = labels;
    const answer = answerFor(picture);
    const text = answer && answerText(answer);
    const lines = [
      label && say("picture_of", { name: inList(labels.map((id) => project.className(id))) }),
      answer && (label ? say("left_out", { answer: text }) : text),
    ];
    const steps = html`
      ${stepButton("previous", "‹", () => this.#go(-1))}
      <p class="muted where">${say("place", { n: this.#place + 1, of: count(this.#pictures.length) })}</p>
      ${stepButton("next", "›", () => this.#go(1))}`;
    return html`
      <div class="picture-view">
        <div class="picture-frame">
          <img class="whole" src=${whole(picture)} alt=${file}>
          <div class="steps-line">${this.#pictures.length > 1 && steps}</div>
        </div>
        <div class="picture-side">
          <p class="picture-state" role="status">${lines.filter(Boolean).join(" ") || say("no_answer")}</p>
          ${answer && !label && !several && this.#why(picture, answer)}
          <p class="muted">${say(several ? "shows" : "put_into")}</p>
          <div class="choices">
            ${classButtons([picture], several ? classesFor(picture) : labels, (id) => this.#label(id))}
            ${otherClassButton(() => this.#choose())}
          </div>
          <div class="choices">
            ${answer && !label && button("accept_selected", () => this.#accept(), { class: "primary", shortcut: "↵" })}
            ${label !== NONE && button("none_of_these", () => this.#label(NONE), { shortcut: "0" })}
            ${label && button("to_tray", () => this.#label(null), { class: "quiet", shortcut: "B" })}
            ${button("remove", () => this.#remove(), { class: "quiet", shortcut: say("delete_key") })}
            ${button("keys", showKeys, { class: "quiet", shortcut: "?", "aria-haspopup": "dialog" })}
          </div>
        </div>
      </div>`;
  }

  /** The reasons of the answer; a click on one of their pictures enlarges it in a dialog of its own. */
  #why(picture, answer) {
    const refresh = () => this.#picture === picture && this.#dialog.refresh();
    return this.#reasons.view(picture, answer, refresh, (one) => showPicture(one));
  }

  #go(places) {
    const place = this.#place + places;
    if (place < 0 || place >= this.#pictures.length) return;
    this.#place = place;
    this.#onShow(this.#picture);
    this.#dialog.refresh();
  }

  /**
   * Labels the picture and goes on to the next one; the last one closes the view. With several
   * labels a class is added or taken away, and the view stays.
   */
  #label(id) {
    if (id === undefined) return;
    if (project.several && typeof id === "string" && id !== NONE) {
      project.label(withClassTurned([this.#picture], id));
      return; // it may show more
    }
    project.label({ [this.#picture]: id });
    if (this.#place + 1 < this.#pictures.length) this.#go(1);
    else this.#dialog.close();
  }

  async #choose() {
    const id = await pickClass([this.#picture]);
    if (id) this.#label(id);
    else this.#dialog.focus();
  }

  #accept() {
    const answer = project.answers[this.#picture];
    if (project.labels.has(this.#picture)) this.#go(1);
    else if (hasJustChanged(this.#picture)) note(say("answer_changed"));
    else if (answer) this.#label(acceptedLabel(answer));
  }

  #remove() {
    const picture = this.#picture;
    project.removePictures([picture]);
    note(say("removed", { n: 1 }), () => project.step("undo"));
    this.#pictures = this.#pictures.filter((other) => other !== picture);
    this.#place = Math.min(this.#place, this.#pictures.length - 1);
    if (this.#pictures.length) this.#dialog.refresh();
    else this.#dialog.close();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input")) return;
    if (event.key === "Enter" && event.target.closest("button")) return;
    const action = actionOf(event, {
      put: (id) => this.#label(id),
      accept: () => this.#accept(),
      remove: () => this.#remove(),
      takeBack: () => this.#label(null),
      chooseClass: () => this.#choose(),
      showKeys,
      ArrowLeft: () => this.#go(-1),
      ArrowRight: () => this.#go(1),
      v: () => this.#dialog.close(),
    });
    if (!action || repeatsInVain(event)) return;
    event.preventDefault();
    action();
  }
}

/** A button that goes to the previous or the next one. */
export const stepButton = (key, sign, onclick, kind = "step") => html`
  <button class=${kind} type="button" title=${say(key)} aria-label=${say(key)} onclick=${onclick}>${sign}</button>`;
