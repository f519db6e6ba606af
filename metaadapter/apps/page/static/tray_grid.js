/**
 * The grid of the tray. Only the rows near the window are in the document, not thousands of pictures.
 *
 * The focus stays on the grid itself; `aria-activedescendant` names the current picture, whose row
 * is always in the document.
 */
import { byId, element, setChildren } from "./element.js";
import { columnsIn, placeBelow, rowOf, rowsOf, visibleRows } from "./tray_rows.js";

const MIN_WIDTH = 148; // pixels of a card
const GAP = 14;
const HEADING = 52; // pixels
const EXTRA_ROWS = 2; // above and below the window

export class TrayGrid {
  node = byId("tray");
  columns = 1;
  below = 0; // pixels below a picture
  #groups = [];
  #order = [];
  #places = new Map();
  #current = null;
  #table = { rows: [], height: 0 };
  #rows = new Map();
  #cards = new Map();
  #rowHeight = 200; // pixels, with the gap
  #size = "";
  #make;
  #waiting = false;

  /**
   * @param make - {card, showCard, heading, showHeading}: `card` makes the card of a picture and
   *   `heading` the heading of a group; the others show their states.
   */
  constructor(make) {
    this.#make = make;
    addEventListener("scroll", () => this.#layOutSoon(), { passive: true });
    new ResizeObserver(() => this.#layOutSoon()).observe(this.node);
    addEventListener("resize", () => this.#layOutSoon());
  }

  get rowsInWindow() {
    return Math.max(1, Math.floor(innerHeight / this.#rowHeight) - 1);
  }

  /** @param {Group[]} groups @param {string[]} order - the pictures of all groups. */
  show(groups, order, current) {
    if (!areSame(groups, this.#groups)) {
      this.#groups = groups;
      this.#order = order;
      this.#places = new Map(order.map((picture, place) => [picture, place]));
      this.#size = "";
    }
    this.#current = current;
    if (!order.length) this.#fill(new Set()); // the grid is hidden then, and has no size
    this.#layOut();
    for (const card of this.#cards.values()) this.#make.showCard(card);
  }

  /** The number of places from a picture to the one some rows below it. */
  placesBelow(picture, n) {
    const place = this.#places.get(picture);
    return place === undefined ? 0 : placeBelow(this.#table.rows, place, n) - place;
  }

  /** Scrolls the current picture into the window. */
  reveal() {
    const place = this.#places.get(this.#current);
    if (place === undefined || !this.#table.rows.length) return;
    const top = this.node.getBoundingClientRect().top + this.#table.rows[rowOf(this.#table.rows, place)].top;
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
    const box = this.node.getBoundingClientRect();
    if (!box.width) return;
    this.#measure(box.width);
    const [first, end] = visibleRows(this.#table.rows, -box.top, innerHeight, EXTRA_ROWS);
    const numbers = new Set();
    for (let number = first; number < end; number += 1) numbers.add(number);
    const place = this.#places.get(this.#current);
    if (place !== undefined) numbers.add(rowOf(this.#table.rows, place));
    this.#fill(numbers);
    if (place !== undefined) this.node.setAttribute("aria-activedescendant", `picture-${this.#current}`);
    else this.node.removeAttribute("aria-activedescendant");
  }

  /** Sets the rows and the size of the grid if they change. */
  #measure(width) {
    const size = `${width} ${this.below}`;
    if (this.#size === size) return;
    this.#size = size;
    this.columns = columnsIn(width, MIN_WIDTH, GAP);
    const side = (width - GAP * (this.columns - 1)) / this.columns;
    this.#rowHeight = Math.round(side + this.below) + GAP;
    this.#table = rowsOf(this.#groups, this.columns, this.#rowHeight, HEADING);
    this.#rows.clear();
    this.node.style.setProperty("--columns", this.columns);
    this.node.style.setProperty("--row", `${this.#rowHeight - GAP}px`);
    this.node.style.height = `${Math.max(this.#table.height - GAP, 0)}px`;
    this.node.setAttribute("aria-rowcount", this.#table.rows.length);
    this.node.setAttribute("aria-colcount", this.columns);
  }

  #fill(numbers) {
    const shown = new Set();
    const nodes = [...numbers].sort((a, b) => a - b).map((number) => {
      const { group, from, to } = this.#table.rows[number];
      const row = this.#rows.get(number) ?? this.#newRow(number);
      if (from === to) {
        row.heading ??= this.#make.heading();
        this.#make.showHeading(row.heading, this.#groups[group]);
        setChildren(row.node, [row.heading.node]);
        return row.node;
      }
      const pictures = this.#order.slice(from, to);
      setChildren(row.node, pictures.map((picture) => this.#card(picture).node));
      for (const picture of pictures) shown.add(picture);
      return row.node;
    });
    for (const number of this.#rows.keys()) if (!numbers.has(number)) this.#rows.delete(number);
    for (const [picture, card] of this.#cards) {
      if (shown.has(picture)) continue;
      card.image.removeAttribute("src"); // cancels its download
      this.#cards.delete(picture);
    }
    setChildren(this.node, nodes);
  }

  #newRow(number) {
    const { top, from, to } = this.#table.rows[number];
    const tag = from === to ? "div.tray-row.tray-heading" : "div.tray-row";
    const node = element(tag, { role: "row", "aria-rowindex": number + 1 });
    node.style.transform = `translateY(${top}px)`;
    const row = { node, heading: null };
    this.#rows.set(number, row);
    return row;
  }

  #card(picture) {
    let card = this.#cards.get(picture);
    if (!card) {
      card = this.#make.card(picture);
      this.#cards.set(picture, card);
      this.#make.showCard(card);
    }
    return card;
  }
}

const areSame = (groups, others) =>
  groups.length === others.length &&
  groups.every(({ key, pictures }, place) => key === others[place].key && areEqual(pictures, others[place].pictures));

const areEqual = (pictures, others) =>
  pictures.length === others.length && pictures.every((picture, place) => picture === others[place]);
