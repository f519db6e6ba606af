/**
 * A frame with its boxes drawn on it. Boxes are chosen, moved, resized and drawn by mouse and keys.
 *
 * Each box is a button, so that the Tab key reaches it. It dispatches nothing: `actions` are called.
 */
import { boxBetween, movedBox, resizedBox, sameBox } from "./box_geometry.js";
import { element, setChildren } from "./element.js";
import { whole } from "./server.js";

const STEP = 0.01; // of the frame, for each press of an arrow key
const SAVED_AFTER = 700; // milliseconds after the last arrow key
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

export class FrameBoxes {
  image = element("img", { draggable: false });
  node = element("div.frame-boxes", {}, this.image);
  #actions;
  #boxes = []; // {sides, text, kind}
  #nodes = [];
  #drag = null;
  #moved = null; // {place, before, after}: moved by keys, and not saved yet
  #timer = 0;

  /** @param {{choose: function(number), change: function(?number[], number[])}} actions */
  constructor(actions) {
    this.#actions = actions;
    // A small frame is enlarged, and a large one fits into the window.
    this.image.addEventListener("load", () => {
      const { naturalWidth, naturalHeight } = this.image;
      this.node.style.setProperty("--ratio", naturalWidth / naturalHeight);
    });
    this.node.addEventListener("pointerdown", (event) => this.#press(event));
    this.node.addEventListener("pointermove", (event) => this.#pull(event));
    this.node.addEventListener("pointerup", (event) => this.#release(event));
    this.node.addEventListener("pointercancel", () => this.#stop());
    this.node.addEventListener("keydown", (event) => this.#key(event));
  }

  /**
   * @param {string} frame - the id of its picture. @param {string} alt
   * @param {{sides: number[], text: string, kind: string}[]} boxes @param {number} chosen - a place.
   */
  show(frame, alt, boxes, chosen) {
    if (!this.image.src.endsWith(whole(frame))) this.image.src = whole(frame);
    this.image.alt = alt;
    const focused = this.#nodes.indexOf(document.activeElement);
    this.#boxes = boxes;
    if (this.#moved) this.#moved.place = boxes.findIndex(({ sides }) => sameBox(sides, this.#moved.before));
    while (this.#nodes.length > boxes.length) this.#nodes.pop();
    while (this.#nodes.length < boxes.length) this.#nodes.push(this.#newNode());
    setChildren(this.node, [this.image, ...this.#nodes]);
    this.#nodes.forEach((node, place) => {
      const { sides, text, kind } = boxes[place];
      node.dataset.kind = kind;
      node.setAttribute("aria-label", text);
      node.setAttribute("aria-pressed", String(place === chosen));
      node.firstChild.textContent = text;
      const inHand = [this.#moved, this.#drag].find((one) => one?.place === place); // keeps its place on the screen
      draw(node, inHand?.after ?? sides);
    });
    if (focused >= 0 && !this.node.contains(document.activeElement)) this.focus(chosen);
  }

  focus(place) {
    this.#nodes[place]?.focus({ preventScroll: true });
  }

  /** Saves a box that keys have moved. */
  save() {
    clearTimeout(this.#timer);
    if (!this.#moved) return;
    const { before, after } = this.#moved;
    this.#moved = null;
    this.#change(before, after);
  }

  #newNode() {
    const edges = ["lt", "rt", "lb", "rb"].map((corner) => element("span.corner", { "data-edges": corner }));
    const node = element("button.frame-box", { type: "button" }, element("span.frame-box-text"), ...edges);
    node.addEventListener("focus", () => {
      const place = this.#nodes.indexOf(node);
      if (this.#moved && this.#moved.place !== place) this.save();
      this.#actions.choose(place);
    });
    node.addEventListener("blur", () => this.save());
    return node;
  }

  #change(before, after) {
    if (after && !sameBox(before, after)) this.#actions.change(before, after);
  }

  #at(event) {
    const { left, top, width, height } = this.image.getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height];
  }

  #press(event) {
    if (event.button) return;
    const place = this.#nodes.indexOf(event.target.closest(".frame-box"));
    event.preventDefault();
    this.save();
    if (place >= 0) this.focus(place);
    const edges = event.target.dataset.edges ?? "";
    this.#drag = { place, edges, from: this.#at(event), sides: this.#boxes[place]?.sides ?? null };
    this.node.setPointerCapture(event.pointerId);
  }

  #pull(event) {
    if (!this.#drag) return;
    const { place, edges, from, sides } = this.#drag;
    const to = this.#at(event);
    const by = [to[0] - from[0], to[1] - from[1]];
    if (!sides) this.#drag.after = boxBetween(from, to);
    else if (Math.hypot(...by) < STEP / 4) this.#drag.after = null; // a click, with a hand that shakes
    else this.#drag.after = edges ? resizedBox(sides, edges, ...by) : movedBox(sides, ...by);
    if (!sides) this.#drawNew(this.#drag.after);
    else draw(this.#nodes[place], this.#drag.after ?? sides);
  }

  #release() {
    const { sides, after } = this.#drag ?? {};
    this.#stop();
    this.#change(sides, after);
  }

  #stop() {
    this.#drag = null;
    this.node.querySelector(".frame-box-new")?.remove();
  }

  #drawNew(sides) {
    let node = this.node.querySelector(".frame-box-new");
    if (!sides) return node?.remove();
    if (!node) this.node.append((node = element("div.frame-box-new")));
    return draw(node, sides);
  }

  /** The arrow keys move the chosen box; with Shift they move its right and lower edges. */
  #key(event) {
    const place = this.#nodes.indexOf(event.target);
    const by = ARROWS[event.key];
    if (!by || place < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (this.#moved && this.#moved.place !== place) this.save();
    const { before, after: sides } = this.#moved ?? { before: this.#boxes[place].sides, after: this.#boxes[place].sides };
    this.#moved = { place, before, after: event.shiftKey ? resizedBox(sides, "rb", ...by) : movedBox(sides, ...by) };
    draw(event.target, this.#moved.after);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.save(), SAVED_AFTER);
  }
}

function draw(node, [left, top, width, height]) {
  const sides = { left, top, width, height };
  const text = node.querySelector(".frame-box-text"); // stays within the frame
  text?.classList.toggle("below", top < 0.08);
  text?.classList.toggle("to-left", left + width / 2 > 0.75);
  for (const [side, value] of Object.entries(sides)) node.style[side] = `${value * 100}%`;
}
