/** Frames with their boxes, enlarged: a person accepts, corrects, removes and adds boxes. */
import { answerOf, answerText, hasJustChanged } from "./answers.js";
import { isOfKind, KINDS, kindOf, MIDDLE, movedBox, sameBox, SURE } from "./box_geometry.js";
import { classButtons, otherClassButton, pickClass } from "./class_picker.js";
import { showDialog } from "./dialog.js";
import { button, html, options } from "./html.js";
import { FrameBoxes } from "./frame_boxes.js";
import { actionOf, keyOf, repeatsInVain } from "./keys.js";
import { readOut } from "./messages.js";
import { stepButton } from "./picture_dialog.js";
import { NONE } from "./piles.js";
import { project } from "./project.js";
import { edits, server } from "./server.js";
import { count, percent, say } from "./words.js";

const CATEGORIES = ["animal", "person", "vehicle"]; // others have the detector's name

/**
 * Shows the frame of a picture, or without a picture all frames.
 *
 * @param {?string} picture - a picture in a box.
 * @param {string[]} pictures - the frames of these pictures come first.
 * @param {function(string)} onShow - called with the picture of each box that is chosen.
 */
export async function showFrames(picture = null, pictures = [], onShow = () => {}) {
  const { frames } = await server.frames();
  const ranks = new Map([...new Set(pictures.map((one) => project.frames[one]))].map((id, rank) => [id, rank]));
  const rank = ({ id }) => ranks.get(id) ?? Infinity;
  frames.sort((one, other) => (rank(one) === rank(other) ? 0 : rank(one) - rank(other)));
  if (frames.length) new FrameDialog(frames, picture, onShow).open();
}

class FrameDialog {
  #all;
  #shown; // the frames of the chosen kind
  #kind = KINDS[0];
  #place = 0; // of the frame
  #chosen = 0; // the place of the box
  #boxes = new FrameBoxes({
    choose: (place) => this.#choose(place),
    change: (before, after) => this.#run(() => this.#change(before, after)),
  });
  #onShow;
  #refusal = ""; // why the server refused the last action
  #revision = project.revision; // when a frame was loaded
  #dialog = null;
  #n_running = 0; // actions
  #last = Promise.resolve(); // the last action: the next one acts on the boxes that it leaves

  constructor(frames, picture, onShow) {
    this.#onShow = onShow;
    this.#all = this.#shown = frames;
    this.#place = Math.max(frames.findIndex(({ id }) => id === project.frames[picture]), 0);
    if (picture) this.#chosen = Math.max(this.#frame.boxes.findIndex((box) => box.picture === picture), 0);
  }

  get #frame() {
    return this.#shown[this.#place];
  }

  get #box() {
    return this.#frame.boxes[this.#chosen];
  }

  open() {
    // The messages of the page lie behind the dialog.
    const refuse = ({ error }) => this.#refuse(error.message);
    const reload = () => {
      if (project.revision !== this.#revision) this.#last = this.#last.then(() => this.#reload(this.#frame)).then(() => this.#show());
    };
    project.addEventListener("change", reload);
    project.addEventListener("refused", refuse);
    this.#dialog = showDialog(() => this.#frame.name, () => this.#view(), "frame-dialog");
    this.#dialog.addEventListener("close", () => {
      this.#boxes.save();
      project.removeEventListener("change", reload);
      project.removeEventListener("refused", refuse);
    });
    this.#dialog.addEventListener("keydown", (event) => this.#key(event));
    this.#boxes.focus(this.#chosen);
  }

  #show() {
    this.#dialog.refresh();
  }

  #view() {
    const { name, id, time, boxes } = this.#frame;
    const [box, label] = [this.#box, labelOf(this.#box)];
    const place = say("place", { n: this.#place + 1, of: count(this.#shown.length) });
    const kinds = KINDS.map((kind) => [kind, say(`frames_${kind}`, { n: this.#ofKind(kind).length })]);
    const state = box ? `${say("box_place", { n: this.#chosen + 1, of: boxes.length })} ${stateOf(box)}` : say("frame_empty");
    const action = (key, shortcut, act, kind) => button(key, () => this.#run(act), { class: kind, shortcut });
    const put = (one) => this.#run(() => this.#label(one));
    this.#boxes.show(id, name, boxes.map((one) => ({ sides: one.sides, text: textOf(one), kind: kindOf(one) })), this.#chosen);
    return html`
      <div class="frame-line">
        <select aria-label=${say("frames_kind_label")} value=${this.#kind} onchange=${({ target }) => this.#filter(target.value)}>
          ${options(kinds)}
        </select>
        <div class="frame-steps">
          ${stepButton("frame_previous", "‹", () => this.#go(-1), "quiet")}
          <p class="muted">${time ? `${place} · ${time.replace("T", " ")}` : place}</p>
          ${stepButton("frame_next", "›", () => this.#go(1), "quiet")}
        </div>
      </div>
      ${this.#boxes.node}
      <p class="frame-state ${this.#refusal && "wrong"}" role="status">${this.#refusal || state}</p>
      <div class="choices">
        ${box && action("accept_selected", "↵", () => this.#accept(), "primary")}
        ${box?.picture && action("none_of_these", "0", () => this.#label(NONE))}
        ${box && action("box_wrong", say("delete_key"), () => this.#remove())}
        ${action("box_add", "N", () => this.#add())}
      </div>
      <div class="choices" hidden=${!box?.picture}>
        ${box?.picture && classButtons([box.picture], label ? [label] : [], put)}
        ${otherClassButton(() => this.#run(() => this.#pick()))}
      </div>
      <p class="muted keys">${say("frame_keys")}</p>`;
  }

  #ofKind(kind) {
    return this.#all.filter((frame) => isOfKind(frame, kind));
  }

  #filter(kind) {
    const shown = this.#ofKind(kind);
    [this.#kind, this.#shown] = shown.length ? [kind, shown] : [KINDS[0], this.#all];
    this.#place = this.#chosen = 0;
    this.#show();
  }

  /** Runs an action after those before it; refuses it while one waits for a server that is away. */
  #run(action) {
    const { reachable, n_unsent } = project;
    if (this.#n_running && !reachable) return this.#refuse(say("not_saved", { n: Math.max(n_unsent, 1) }));
    this.#n_running += 1;
    this.#last = this.#last
      .then(() => {
        this.#refusal = "";
        return action();
      })
      .catch((error) => this.#refuse(error.message))
      .finally(() => (this.#n_running -= 1));
    return undefined;
  }

  #refuse(sentence) {
    this.#refusal = sentence;
    this.#show();
  }

  #choose(place) {
    if (place === this.#chosen) return;
    this.#chosen = place;
    this.#show();
    if (this.#box?.picture) this.#onShow(this.#box.picture);
  }

  async #pick() {
    if (!this.#box?.picture) return;
    const id = await pickClass([this.#box.picture]);
    if (id) this.#label(id);
    else this.#boxes.focus(this.#chosen);
  }

  #go(places) {
    this.#boxes.save();
    const place = this.#place + places;
    if (place < 0 || place >= this.#shown.length) return;
    this.#place = place;
    this.#chosen = 0;
    this.#show();
  }

  /** Goes on to the next box without a label, in this frame or the next one. */
  #next() {
    const isOpen = (box) => box.picture && !labelOf(box);
    const next = this.#frame.boxes.findIndex((box, place) => place > this.#chosen && isOpen(box));
    if (next < 0) return this.#go(1);
    this.#chosen = next;
    this.#show();
    return this.#boxes.focus(next);
  }

  #label(id) {
    if (!this.#box?.picture || !id) return;
    project.label({ [this.#box.picture]: id });
    this.#next();
  }

  /** Accepts the answer for a box; a box that is no picture yet becomes one. */
  #accept() {
    const box = this.#box;
    if (!box) return undefined;
    if (!box.picture) return this.#change(box.sides, box.sides);
    if (!labelOf(box) && hasJustChanged(box.picture)) return this.#refuse(say("answer_changed"));
    const answer = project.answers[box.picture];
    return answer ? this.#label(answerOf(answer)) : this.#next();
  }

  /** Adds a box in the middle, or beside one that is there. */
  #add() {
    const { boxes } = this.#frame;
    const places = Array.from({ length: boxes.length + 1 }, (_, n) => movedBox(MIDDLE, 0.02 * n, 0.02 * n));
    return this.#change(null, places.find((sides) => !boxes.some((box) => sameBox(box.sides, sides))) ?? MIDDLE);
  }

  #remove() {
    return this.#box && this.#change(this.#box.sides, null);
  }

  /** Sends a changed box, and shows the frame as the server has it then. */
  async #change(before, after) {
    const frame = this.#frame;
    const box = frame.boxes.find(({ sides }) => sameBox(sides, before));
    if (box && after) box.sides = after; // shown at once
    const changed = await project.change(edits.changeBox(frame.id, before, after));
    if (changed) readOut(say(after === null ? "box_removed" : before === null ? "box_added" : "box_changed"));
    await this.#reload(frame);
    if (!changed) return this.#show();
    if (frame !== this.#frame) return undefined;
    this.#chosen = this.#placeOf(after);
    this.#show();
    return frame.boxes.length ? this.#boxes.focus(this.#chosen) : this.#dialog.focus();
  }

  /** Loads a frame, which another tab or person may have changed; the chosen box stays chosen. */
  async #reload(frame) {
    this.#revision = project.revision;
    const chosen = frame.boxes[this.#chosen]?.sides;
    const { frames } = await server.frames(frame.id).catch(() => ({ frames: [frame] })); // the server is away
    Object.assign(frame, frames[0] ?? { boxes: [] });
    if (frame === this.#frame) this.#chosen = this.#placeOf(chosen);
  }

  /** The place of a box in the frame, or else the nearest place to the chosen one. */
  #placeOf(wanted) {
    const { boxes } = this.#frame;
    const place = boxes.findIndex(({ sides }) => sameBox(sides, wanted));
    return place < 0 ? Math.max(0, Math.min(this.#chosen, boxes.length - 1)) : place;
  }

  async #step(direction) {
    await project.step(direction);
    await this.#reload(this.#frame);
    this.#show();
  }

  #key(event) {
    if (event.altKey || event.target.closest("select, input")) return;
    const action = this.#actionOf(event);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    this.#boxes.save();
    this.#run(action);
  }

  #actionOf(event) {
    const key = keyOf(event);
    if (event.ctrlKey || event.metaKey) {
      const direction = key === "y" || event.shiftKey ? "redo" : "undo";
      return /^[zy]$/.test(key) ? () => this.#step(direction) : null;
    }
    if ((key === "Enter" && event.target.closest("button:not(.frame-box)")) || repeatsInVain(event)) return null;
    return actionOf(event, {
      put: (id) => this.#label(id),
      accept: () => this.#accept(),
      remove: () => this.#remove(),
      chooseClass: () => this.#pick(),
      ArrowLeft: () => this.#go(-1),
      ArrowRight: () => this.#go(1),
      PageUp: () => this.#go(-1),
      PageDown: () => this.#go(1),
      n: () => this.#add(),
      v: () => this.#dialog.close(),
    });
  }
}

const labelOf = (box) => (box?.picture && project.labelsOf(box.picture)[0]) ?? null;

/** The text on a box: its class, its answer, or the detector's category. */
function textOf(box) {
  const { picture, category, confidence } = box;
  if (labelOf(box)) return project.className(labelOf(box));
  const answer = picture && project.answers[picture];
  const isKnown = answer && !answer.unfamiliar;
  const detected = CATEGORIES.includes(category) ? say(`category_${category}`) : category;
  const [name, share] = isKnown ? [project.className(answer.class), answer.probability] : [detected, confidence];
  return say("answer", { name, probability: percent(share) });
}

/** What is known of a box, as a sentence. */
function stateOf(box) {
  const { picture, confidence } = box;
  const answer = picture && project.answers[picture];
  if (labelOf(box)) return say("picture_of", { name: project.className(labelOf(box)) });
  if (answer) return answerText(answer);
  if (picture) return say("no_answer");
  return say(confidence >= SURE ? "box_of_detector" : "box_is_weak", { probability: percent(confidence) });
}
