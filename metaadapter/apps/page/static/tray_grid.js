/**
 * The grid of the tray. Only the rows near the window are in the document, not thousands of pictures.
 *
 * The focus stays on the grid itself; `aria-activedescendant` names the current picture, whose row
 * is always in the document.
 *
 * @typedef {{key: ?string, pictures: string[]}} Group - without a key it has no heading.
 * @typedef {{top: number, group: number, from: number, to: number}} Row - the pictures at the places
 *   from `from` to before `to`; a heading has none. Lengths are in pixels.
 */
import { byId, create, html, render, update } from "./html.js";

const MIN_WIDTH = 148; // pixels of a card
const GAP = 14;
const HEADING = 52; // pixels
const EXTRA_ROWS = 2; // above and below the window

export class TrayGrid {
  below = 0; // pixels below a picture
  #node = byId("tray");
  #groups = [];
  #order = [];
  #places = new Map();
  #current = null;
  #rows = [];
  #cards = new Map(); // picture → its node, which it keeps in another row
  #rowHeight = 200; // pixels, with the gap
  #size = "";
  #card;
  #heading;
  #waiting = false;

  /** @param {function(string)} card - describes a picture. @param {function(Group)} heading */
  constructor(card, heading) {
    this.#card = card;
    this.#heading = heading;
    addEventListener("scroll", () => this.#layOutSoon(), { passive: true });
    new ResizeObserver(() => this.#layOutSoon()).observe(this.#node);
    addEventListener("resize", () => this.#layOutSoon());
  }

  get rowsInWindow() {
    return Math.max(1, Math.floor(innerHeight / this.#rowHeight) - 1);
  }

  /** @param {Group[]} groups @param {string[]} order - the pictures of all groups. */
  show(groups, order, current) {
    const sizes = (all) => all.map(({ key, pictures }) => `${key} ${pictures.length}`).join();
    if (!areEqual(order, this.#order) || sizes(groups) !== sizes(this.#groups)) {
      this.#groups = groups;
      this.#order = order;
      this.#places = new Map(order.map((picture, place) => [picture, place]));
      this.#size = "";
    }
    this.#current = current;
    if (!order.length) this.#fill([]); // the grid is hidden then, and has no size
    for (const [picture, node] of this.#cards) update(node, this.#card(picture));
    this.#layOut();
  }

  /** The number of places from a picture to the one some rows below it. */
  placesBelow(picture, n) {
    const place = this.#places.get(picture);
    return place === undefined ? 0 : placeBelow(this.#rows, place, n) - place;
  }

  /** Scrolls the current picture into the window. */
  reveal() {
    const place = this.#places.get(this.#current);
    if (place === undefined || !this.#rows.length) return;
    const top = this.#node.getBoundingClientRect().top + this.#rows[rowOf(this.#rows, place)].top;
    const style = getComputedStyle(document.documentElement);
    const [from, to] = [parseFloat(style.scrollPaddingTop), innerHeight - parseFloat(style.scrollPaddingBottom)];
    if (top < from || this.#rowHeight > to - from) scrollBy(0, top - from);
    else if (top + this.#rowHeight > to) scrollBy(0, top + this.#rowHeight - to);
    this.#layOut();
  }

  #layOutSoon() {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.#layOut();
    });
  }

  #layOut() {
    const box = this.#node.getBoundingClientRect();
    if (!box.width) return;
    this.#measure(box.width);
    const numbers = visibleRows(this.#rows, -box.top, innerHeight);
    const place = this.#places.get(this.#current);
    if (place !== undefined) numbers.push(rowOf(this.#rows, place));
    this.#fill([...new Set(numbers)].sort((a, b) => a - b));
    if (place !== undefined) this.#node.setAttribute("aria-activedescendant", `picture-${this.#current}`);
    else this.#node.removeAttribute("aria-activedescendant");
  }

  /** Sets the rows and the size of the grid if they change. */
  #measure(width) {
    const size = `${width} ${this.below}`;
    if (this.#size === size) return;
    this.#size = size;
    const columns = Math.max(1, Math.floor((width + GAP) / (MIN_WIDTH + GAP)));
    const side = (width - GAP * (columns - 1)) / columns;
    this.#rowHeight = Math.round(side + this.below) + GAP;
    const { rows, height } = rowsOf(this.#groups, columns, this.#rowHeight);
    this.#rows = rows;
    this.#node.style.setProperty("--columns", columns);
    this.#node.style.setProperty("--row", `${this.#rowHeight - GAP}px`);
    this.#node.style.height = `${Math.max(height - GAP, 0)}px`;
    this.#node.setAttribute("aria-rowcount", rows.length);
    this.#node.setAttribute("aria-colcount", columns);
  }

  #fill(numbers) {
    const shown = new Set(numbers.flatMap((number) => this.#picturesIn(number)));
    for (const picture of shown)
      if (!this.#cards.has(picture)) this.#cards.set(picture, create(this.#card(picture)));
    render(this.#node, numbers.map((number) => this.#row(number)));
    for (const [picture, node] of this.#cards) {
      if (shown.has(picture)) continue;
      node.querySelector("img").removeAttribute("src"); // cancels its download
      this.#cards.delete(picture);
    }
  }

  #picturesIn(number) {
    const { from, to } = this.#rows[number];
    return this.#order.slice(from, to);
  }

  #row(number) {
    const { top, group, from, to } = this.#rows[number];
    const isHeading = from === to;
    return html`
      <div class="tray-row ${isHeading && "tray-heading"}" key=${number} role="row" aria-rowindex=${number + 1}
        style="transform: translateY(${top}px)">
        ${isHeading ? this.#heading(this.#groups[group]) : this.#picturesIn(number).map((picture) => this.#cards.get(picture))}
      </div>`;
  }
}

/** Returns {rows, height} of groups; `row` is the height of a row with its gap. */
function rowsOf(groups, columns, row) {
  const rows = [];
  let [top, place] = [0, 0];
  groups.forEach(({ key, pictures }, group) => {
    if (key !== null) {
      rows.push({ top, group, from: place, to: place });
      top += HEADING;
    }
    for (const end = place + pictures.length; place < end; top += row) {
      const to = Math.min(place + columns, end);
      rows.push({ top, group, from: place, to });
      place = to;
    }
  });
  return { rows, height: top };
}

/** The numbers of the rows within a window, and of some more on both sides. */
function visibleRows(rows, above, height) {
  const first = Math.max(rows.findLastIndex(({ top }) => top <= above) - EXTRA_ROWS, 0);
  const end = rows.findLastIndex(({ top }) => top < above + height) + 1 + EXTRA_ROWS;
  return [...rows.keys()].slice(first, Math.max(first, end));
}

/** The number of the row that holds the picture at a place. */
const rowOf = (rows, place) => rows.findIndex(({ to }) => to > place);

/** The place some rows of pictures below another place, in the same column where there is one. */
function placeBelow(rows, place, n) {
  const filled = rows.filter(({ from, to }) => from < to); // without headings
  const start = rowOf(filled, place);
  const { from, to } = filled[Math.min(Math.max(start + n, 0), filled.length - 1)];
  return Math.min(from + place - filled[start].from, to - 1);
}

const areEqual = (pictures, others) =>
  pictures.length === others.length && pictures.every((picture, place) => picture === others[place]);
