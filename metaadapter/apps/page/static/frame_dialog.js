/** Frames with their boxes, enlarged: a person accepts, corrects, removes and adds boxes. */
import { answerText } from "./answer_text.js";
import { ClassButtons } from "./class_buttons.js";
import { pickClass } from "./class_picker.js";
import { MIDDLE, movedBox, sameBox } from "./box_geometry.js";
import { showDialog } from "./dialog.js";
import { edits } from "./edits.js";
import { element, setChildren, setText } from "./element.js";
import { answerOf } from "./filters.js";
import { FrameBoxes } from "./frame_boxes.js";
import { isOfKind, KINDS, kindOf, SURE } from "./frame_kinds.js";
import { readOut } from "./messages.js";
import { NONE } from "./none.js";
import { server } from "./server.js";
import { count, percent, say } from "./words.js";

const CATEGORIES = ["animal", "person", "vehicle"]; // others have the detector's name

/**
 * Shows the frame of a picture, or without a picture all frames.
 *
 * @param project - a Project. @param {?string} picture - a picture in a box.
 * @param {string[]} pictures - the frames of these pictures come first.
 * @param {function(string)} onShow - called with the picture of each box that is chosen.
 */
export async function showFrames(project, picture = null, pictures = [], onShow = () => {}) {
  const { frames } = await server.frames();
  const ranks = new Map([...new Set(pictures.map((one) => project.frames[one]))].map((id, rank) => [id, rank]));
  const rank = ({ id }) => ranks.get(id) ?? Infinity;
  frames.sort((one, other) => (rank(one) === rank(other) ? 0 : rank(one) - rank(other)));
  if (frames.length) new FrameDialog(project, frames, picture, onShow).open();
}

class FrameDialog {
  #project;
  #all;
  #shown; // the frames of the chosen kind
  #place = 0; // of the frame
  #chosen = 0; // the place of the box
  #view = new FrameBoxes({
    choose: (place) => this.#choose(place),
    change: (before, after) => this.#run(() => this.#change(before, after)),
  });
  #kind = element("select", { "aria-label": say("frames_kind_label") });
  #where = element("p.muted");
  #state = element("p.frame-state", { role: "status" });
  #actions = element("div.choices");
  #classes = element("div.choices");
  #classButtons;
  #onShow;
  #refusal = ""; // why the server refused the last action
  #revision; // of the project when a frame was loaded
  #dialog = null;
  #n_running = 0; // actions
  #last = Promise.resolve(); // the last action: the next one acts on the boxes that it leaves

  constructor(project, frames, picture, onShow) {
    this.#project = project;
    this.#onShow = onShow;
    this.#revision = project.revision;
    const put = (id) => this.#run(() => this.#label(id));
    this.#classButtons = new ClassButtons(project, put, () => this.#run(() => this.#pick()));
    this.#all = this.#shown = frames;
    const place = frames.findIndex(({ id }) => id === project.frames[picture]);
    this.#place = Math.max(place, 0);
    if (picture) this.#chosen = Math.max(this.#frame.boxes.findIndex((box) => box.picture === picture), 0);
  }

  get #frame() {
    return this.#shown[this.#place];
  }

  get #box() {
    return this.#frame.boxes[this.#chosen];
  }

  open() {
    this.#kind.append(...KINDS.map((kind) => element("option", { value: kind }, this.#kindText(kind))));
    this.#kind.addEventListener("change", () => this.#filter());
    const step = (places, key, text) =>
      element("button.quiet", { type: "button", onclick: () => this.#go(places), "aria-label": say(key), title: say(key) }, text);
    this.#dialog = showDialog(
      " ",
      element(
        "div.frame-line",
        {},
        this.#kind,
        element("div.frame-steps", {}, step(-1, "frame_previous", "‹"), this.#where, step(1, "frame_next", "›")),
      ),
      this.#view.node,
      this.#state,
      this.#actions,
      this.#classes,
      element("p.muted.keys", {}, say("frame_keys")),
    );
    this.#dialog.classList.add("frame-dialog");
    this.#dialog.tabIndex = -1;
    const show = () => {
      if (this.#project.revision !== this.#revision)
        this.#last = this.#last.then(() => this.#reload(this.#frame)).then(() => this.#show());
      this.#show();
    };
    // The messages of the page lie behind the dialog.
    const refuse = ({ error }) => this.#refuse(error.message);
    this.#project.addEventListener("change", show);
    this.#project.addEventListener("refused", refuse);
    this.#dialog.addEventListener("close", () => {
      this.#view.save();
      this.#project.removeEventListener("change", show);
      this.#project.removeEventListener("refused", refuse);
    });
    this.#dialog.addEventListener("keydown", (event) => this.#key(event));
    this.#show();
    this.#view.focus(this.#chosen);
  }

  #kindText(kind) {
    return say(`frames_${kind}`, { n: this.#all.filter((frame) => isOfKind(frame, kind)).length });
  }

  #filter() {
    this.#shown = this.#all.filter((frame) => isOfKind(frame, this.#kind.value));
    if (!this.#shown.length) {
      this.#kind.value = "all";
      this.#shown = this.#all;
    }
    this.#place = this.#chosen = 0;
    this.#show();
  }

  #show() {
    const { name, id, time, boxes } = this.#frame;
    setText(this.#dialog.querySelector("h2"), name);
    const place = say("frame_place", { n: this.#place + 1, of: count(this.#shown.length) });
    setText(this.#where, time ? `${place} · ${time.replace("T", " ")}` : place);
    const drawn = boxes.map((box) => ({ sides: box.sides, text: this.#boxText(box), kind: kindOf(box) }));
    this.#view.show(id, name, drawn, this.#chosen);
    setText(this.#state, this.#refusal || (this.#box ? this.#boxState(this.#box) : say("frame_empty")));
    this.#state.classList.toggle("wrong", this.#refusal !== "");
    for (const option of this.#kind.options) setText(option, this.#kindText(option.value));
    const action = (tag, key, shortcut, onclick) =>
      element(tag, { type: "button", onclick }, say(key), element("kbd", { "aria-hidden": "true" }, shortcut));
    const box = this.#box;
    const focused = [this.#actions, this.#classes].some((node) => node.contains(document.activeElement));
    this.#actions.replaceChildren(
      ...(box ? [action("button.primary", "box_accept", "↵", () => this.#run(() => this.#accept()))] : []),
      ...(box?.picture ? [action("button", "none_of_these", "0", () => this.#run(() => this.#label(NONE)))] : []),
      ...(box ? [action("button", "box_wrong", say("delete_key"), () => this.#run(() => this.#remove()))] : []),
      action("button", "box_add", "N", () => this.#run(() => this.#add())),
    );
    const label = this.#labelOf(box);
    this.#classes.hidden = !box?.picture;
    if (box?.picture) setChildren(this.#classes, [...this.#classButtons.nodes([box.picture], label ? [label] : []), this.#classButtons.other]);
    if (focused && !this.#dialog.contains(document.activeElement)) this.#dialog.focus();
  }

  #labelOf(box) {
    return (box?.picture && this.#project.labelsOf(box.picture)[0]) ?? null;
  }

  /** The text on a box: its class, its answer, or the detector's category. */
  #boxText(box) {
    const { picture, category, confidence } = box;
    const label = this.#labelOf(box);
    if (label) return this.#project.className(label);
    const answer = picture && this.#project.answers[picture];
    if (answer && !answer.unfamiliar)
      return say("answer", { name: this.#project.className(answer.class), probability: percent(answer.probability) });
    const name = CATEGORIES.includes(category) ? say(`category_${category}`) : category;
    return say("answer", { name, probability: percent(confidence) });
  }

  #boxState(box) {
    const { picture, confidence } = box;
    const place = say("box_place", { n: this.#chosen + 1, of: this.#frame.boxes.length });
    const label = this.#labelOf(box);
    const answer = picture && this.#project.answers[picture];
    if (label) return `${place} ${say("picture_of", { name: this.#project.className(label) })}`;
    if (answer) return `${place} ${answerText(this.#project, answer)}`;
    if (picture) return `${place} ${say("no_answer")}`;
    return `${place} ${say(confidence >= SURE ? "box_of_detector" : "box_is_weak", { probability: percent(confidence) })}`;
  }

  /** Runs an action after those before it; refuses it while one waits for a server that is away. */
  #run(action) {
    const { reachable, n_unsent } = this.#project;
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
    const id = await pickClass(this.#project, [this.#box.picture]);
    if (id) this.#label(id);
    else this.#view.focus(this.#chosen);
  }

  #go(places) {
    this.#view.save();
    const place = this.#place + places;
    if (place < 0 || place >= this.#shown.length) return;
    this.#place = place;
    this.#chosen = 0;
    this.#show();
    if (!this.#dialog.contains(document.activeElement)) this.#dialog.focus();
  }

  /** Goes on to the next box without a label, in this frame or the next one. */
  #next() {
    const { boxes } = this.#frame;
    const isOpen = (box) => box.picture && !this.#labelOf(box);
    const next = boxes.findIndex((box, place) => place > this.#chosen && isOpen(box));
    if (next < 0) return this.#go(1);
    this.#chosen = next;
    this.#show();
    return this.#view.focus(next);
  }

  #label(id) {
    if (!this.#box?.picture || !id) return;
    this.#project.label({ [this.#box.picture]: id });
    this.#next();
  }

  /** Accepts the answer for a box; a box that is no picture yet becomes one. */
  #accept() {
    const box = this.#box;
    if (!box) return undefined;
    if (!box.picture) return this.#change(box.sides, box.sides);
    if (!this.#labelOf(box) && this.#project.hasJustChanged(box.picture)) return this.#refuse(say("answer_changed"));
    const answer = this.#project.answers[box.picture];
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
    const changed = await this.#project.change(edits.changeBox(frame.id, before, after));
    if (!changed) return this.#reload(frame).then(() => this.#show());
    readOut(say(after === null ? "box_removed" : before === null ? "box_added" : "box_changed"));
    await this.#reload(frame);
    if (frame !== this.#frame) return undefined;
    this.#chosen = this.#placeOf(after);
    this.#show();
    if (frame.boxes.length) return this.#view.focus(this.#chosen);
    return this.#dialog.focus();
  }

  /** Loads a frame, which another tab or person may have changed; the chosen box stays chosen. */
  async #reload(frame) {
    this.#revision = this.#project.revision;
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
    await this.#project.change(edits[direction]());
    await this.#reload(this.#frame);
    this.#show();
    if (!this.#dialog.contains(document.activeElement)) this.#dialog.focus();
  }

  #key(event) {
    if (event.altKey || event.target.closest("select, input")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey) {
      if (key !== "z" && key !== "y") return;
      event.preventDefault();
      event.stopPropagation();
      this.#view.save();
      this.#run(() => this.#step(key === "y" || event.shiftKey ? "redo" : "undo"));
      return;
    }
    if (key === "Enter" && event.target.closest("button:not(.frame-box)")) return;
    const { classes } = this.#project;
    const action = /^[1-9]$/.test(key)
      ? () => this.#label(classes[key - 1]?.id)
      : {
          0: () => this.#label(NONE),
          Enter: () => this.#accept(),
          ArrowLeft: () => this.#go(-1),
          ArrowRight: () => this.#go(1),
          PageUp: () => this.#go(-1),
          PageDown: () => this.#go(1),
          Delete: () => this.#remove(),
          Backspace: () => this.#remove(),
          c: () => this.#pick(),
          "/": () => this.#pick(),
          n: () => this.#add(),
          v: () => this.#dialog.close(),
        }[key];
    if (!action || (event.repeat && !key.startsWith("Arrow") && !key.startsWith("Page"))) return;
    event.preventDefault();
    this.#view.save();
    this.#run(action);
  }
}
