/** A frame with its boxes drawn on it. Boxes are chosen, moved, resized and drawn by mouse and keys. */
import { boxBetween, movedBox, resizedBox, sameBox } from "./box_geometry.js";
import { create, html, namesOf, render } from "./html.js";
import { whole } from "./server.js";

const STEP = 0.01; // of the frame, for each press of an arrow key
const SAVED_AFTER = 700; // milliseconds after the last arrow key
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
const CORNERS = ["lt", "rt", "lb", "rb"];

export class FrameBoxes {
  node = create(html`
    <div class="frame-boxes" onpointerdown=${(event) => this.#press(event)} onpointermove=${(event) => this.#pull(event)}
      onpointerup=${() => this.#release()} onpointercancel=${() => this.#stop()} onkeydown=${(event) => this.#key(event)}></div>`);
  #actions;
  #given = { boxes: [] }; // what is shown
  #drag = null; // {place, edges, from, sides, after}; without sides a new box is drawn
  #moved = null; // {place, before, after}: moved by keys, and not saved yet
  #timer = 0;

  /** @param {{choose: function(number), change: function(?number[], number[])}} actions */
  constructor(actions) {
    this.#actions = actions;
  }

  /**
   * @param {string} frame - the id of its picture. @param {string} alt
   * @param {{sides: number[], text: string, kind: string}[]} boxes @param {number} chosen - a place.
   */
  show(frame, alt, boxes, chosen) {
    const focused = this.#places().includes(document.activeElement);
    this.#given = { frame, alt, boxes, chosen };
    if (this.#moved) this.#moved.place = boxes.findIndex(({ sides }) => sameBox(sides, this.#moved.before));
    this.#draw();
    if (focused && !this.node.contains(document.activeElement)) this.focus(chosen);
  }

  focus(place) {
    this.#places()[place]?.focus({ preventScroll: true });
  }

  /** Saves a box that keys have moved. */
  save() {
    clearTimeout(this.#timer);
    if (!this.#moved) return;
    const { before, after } = this.#moved;
    this.#moved = null;
    this.#change(before, after);
  }

  #places() {
    return [...this.node.querySelectorAll(".frame-box")];
  }

  #draw() {
    const { frame, alt, boxes, chosen } = this.#given;
    // A small frame is enlarged, and a large one fits into the window.
    const onload = ({ target }) => this.node.style.setProperty("--ratio", target.naturalWidth / target.naturalHeight);
    const drawn = this.#drag && !this.#drag.sides && this.#drag.after;
    render(this.node, html`
      <img draggable=${false} src=${whole(frame)} alt=${alt} onload=${onload}>
      ${boxes.map((box, place) => this.#box(box, place, chosen))}
      ${drawn && html`<div class="frame-box-new" style=${styleOf(drawn)}></div>`}`);
  }

  #box({ sides, text, kind }, place, chosen) {
    const inHand = [this.#moved, this.#drag].find((one) => one?.place === place); // keeps its place on the screen
    const shown = inHand?.after ?? sides;
    const [left, top, width] = shown;
    const onfocus = () => {
      if (this.#moved && this.#moved.place !== place) this.save();
      this.#actions.choose(place);
    };
    // The text stays within the frame.
    const side = namesOf({ below: top < 0.08, "to-left": left + width / 2 > 0.75 });
    return html`
      <button class="frame-box" type="button" key=${place} data-kind=${kind} aria-label=${text} aria-pressed=${place === chosen}
        style=${styleOf(shown)} onfocus=${onfocus} onblur=${() => this.save()}>
        <span class="frame-box-text ${side}">${text}</span>
        ${CORNERS.map((corner) => html`<span class="corner" data-edges=${corner}></span>`)}
      </button>`;
  }

  #change(before, after) {
    if (after && !sameBox(before, after)) this.#actions.change(before, after);
  }

  #at(event) {
    const { left, top, width, height } = this.node.querySelector("img").getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height];
  }

  #press(event) {
    if (event.button) return;
    const place = this.#places().indexOf(event.target.closest(".frame-box"));
    const edges = event.target.dataset.edges ?? "";
    event.preventDefault();
    this.save();
    if (place >= 0) this.focus(place);
    this.#drag = { place, edges, from: this.#at(event), sides: this.#given.boxes[place]?.sides ?? null };
    this.node.setPointerCapture(event.pointerId);
  }

  #pull(event) {
    if (!this.#drag) return;
    const { edges, from, sides } = this.#drag;
    const to = this.#at(event);
    const by = [to[0] - from[0], to[1] - from[1]];
    if (!sides) this.#drag.after = boxBetween(from, to);
    else if (Math.hypot(...by) < STEP / 4) this.#drag.after = null; // a click, with a hand that shakes
    else this.#drag.after = edges ? resizedBox(sides, edges, ...by) : movedBox(sides, ...by);
    this.#draw();
  }

  #release() {
    const { sides, after } = this.#drag ?? {};
    this.#stop();
    this.#change(sides, after);
  }

  #stop() {
    this.#drag = null;
    this.#draw();
  }

  /** The arrow keys move the chosen box; with Shift they move its right and lower edges. */
  #key(event) {
    const place = this.#places().indexOf(event.target);
    const by = ARROWS[event.key];
    if (!by || place < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (this.#moved && this.#moved.place !== place) this.save();
    const { sides: before } = this.#given.boxes[place];
    const sides = this.#moved?.after ?? before;
    const after = event.shiftKey ? resizedBox(sides, "rb", ...by) : movedBox(sides, ...by);
    this.#moved = { place, before: this.#moved?.before ?? before, after };
    this.#draw();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.save(), SAVED_AFTER);
  }
}

const styleOf = ([left, top, width, height]) =>
  `left: ${100 * left}%; top: ${100 * top}%; width: ${100 * width}%; height: ${100 * height}%`;
