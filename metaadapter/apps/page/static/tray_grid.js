/**
 * The grid of the tray. Only the rows near the window are in the document, not thousands of pictures.
 *
 * The focus stays on the grid itself; `aria-activedescendant` names the current picture, whose row
 * is always in the document.
 */
import { byId, element, setChildren } from "./element.js";
import { columnsIn, visibleRows } from "./visible_rows.js";

const MIN_WIDTH = 148; // pixels of a card
const GAP = 12;
const BELOW_PICTURE = 78; // pixels: answer, bar and buttons
const EXTRA_ROWS = 2; // above and below the window

export class TrayGrid {
  node = byId("tray");
  columns = 1;
  #order = [];
  #current = null;
  #rows = new Map();
  #cards = new Map();
  #rowHeight = 200; // pixels, with the gap
  #size = "";
  #makeCard;
  #showCard;
  #waiting = false;

  /**
   * @param {function(string): {node: HTMLElement}} makeCard - for a picture.
   * @param {function({node: HTMLElement})} showCard - shows its answer.
   */
  constructor(makeCard, showCard) {
    this.#makeCard = makeCard;
    this.#showCard = showCard;
    addEventListener("scroll", () => this.#layOutSoon(), { passive: true });
    new ResizeObserver(() => this.#layOutSoon()).observe(this.node);
    addEventListener("resize", () => this.#layOutSoon());
  }

  get rowsInWindow() {
    return Math.max(1, Math.floor(innerHeight / this.#rowHeight) - 1);
  }

  show(order, current) {
    this.#order = order;
    this.#current = current;
    this.#layOut();
    for (const card of this.#cards.values()) this.#showCard(card);
  }

  /** Scrolls the current picture into the window. */
  reveal() {
    const place = this.#order.indexOf(this.#current);
    if (place < 0) return;
    const top = this.node.getBoundingClientRect().top + Math.floor(place / this.columns) * this.#rowHeight;
    const style = getComputedStyle(document.documentElement);
    const [from, to] = [parseFloat(style.scrollPaddingTop), innerHeight - parseFloat(style.scrollPaddingBottom)];
    if (top < from) scrollBy(0, top - from);
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
    const n = this.#measure(box.width);
    const [first, end] = visibleRows(-box.top, innerHeight, this.#rowHeight, n, EXTRA_ROWS);
    const rows = new Set();
    for (let row = first; row < end; row += 1) rows.add(row);
    const place = this.#order.indexOf(this.#current);
    if (place >= 0) rows.add(Math.floor(place / this.columns));
    this.#fill(rows);
    if (place >= 0) this.node.setAttribute("aria-activedescendant", `picture-${this.#current}`);
    else this.node.removeAttribute("aria-activedescendant");
  }

  /** Sets the size of the grid if it changes; returns the number of rows. */
  #measure(width) {
    this.columns = columnsIn(width, MIN_WIDTH, GAP);
    const side = (width - GAP * (this.columns - 1)) / this.columns;
    this.#rowHeight = Math.round(side + BELOW_PICTURE) + GAP;
    const n = Math.ceil(this.#order.length / this.columns);
    const size = `${n} ${this.columns} ${this.#rowHeight}`;
    if (size === this.#size) return n;
    this.#size = size;
    this.node.style.setProperty("--columns", this.columns);
    this.node.style.setProperty("--row", `${this.#rowHeight - GAP}px`);
    this.node.style.height = `${n ? n * this.#rowHeight - GAP : 0}px`;
    this.node.setAttribute("aria-rowcount", n);
    this.node.setAttribute("aria-colcount", this.columns);
    return n;
  }

  #fill(rows) {
    const shown = new Set();
    const nodes = [...rows].sort((a, b) => a - b).map((row) => {
      const node = this.#rows.get(row) ?? this.#newRow(row);
      node.style.transform = `translateY(${row * this.#rowHeight}px)`;
      const pictures = this.#order.slice(row * this.columns, (row + 1) * this.columns);
      setChildren(node, pictures.map((picture) => this.#card(picture).node));
      for (const picture of pictures) shown.add(picture);
      return node;
    });
    for (const row of this.#rows.keys()) if (!rows.has(row)) this.#rows.delete(row);
    for (const [picture, card] of this.#cards) {
      if (shown.has(picture)) continue;
      card.image.removeAttribute("src"); // cancels its download
      this.#cards.delete(picture);
    }
    setChildren(this.node, nodes);
  }

  #newRow(row) {
    const node = element("div.tray-row", { role: "row", "aria-rowindex": row + 1 });
    this.#rows.set(row, node);
    return node;
  }

  #card(picture) {
    let card = this.#cards.get(picture);
    if (!card) {
      card = this.#makeCard(picture);
      this.#cards.set(picture, card);
      this.#showCard(card);
    }
    return card;
  }
}
