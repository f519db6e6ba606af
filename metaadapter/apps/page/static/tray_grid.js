/**
 * The grid of the tray: of thousands of pictures only the rows near the window are in the document.
 *
 * The focus stays on the grid itself; `aria-activedescendant` names the current picture, whose row
 * is always there.
 */
import { byId, element, setChildren } from "./element.js";
import { columnsIn, visibleRows } from "./visible_rows.js";

const LEAST_WIDTH = 148; // pixels of a card
const GAP = 12;
const BELOW_PICTURE = 78; // pixels: answer, bar and buttons
const BEYOND = 2; // rows

export class TrayGrid {
  node = byId("tray");
  columns = 1;
  #order = [];
  #current = null;
  #rows = new Map();
  #cards = new Map();
  #row = 200; // pixels of a row with its gap
  #size = "";
  #makeCard;
  #showCard;
  #asked = false;

  /**
   * @param {function(string): {node: HTMLElement}} makeCard - for a picture.
   * @param {function({node: HTMLElement})} showCard - shows its answer.
   */
  constructor(makeCard, showCard) {
    this.#makeCard = makeCard;
    this.#showCard = showCard;
    addEventListener("scroll", () => this.#soon(), { passive: true });
    new ResizeObserver(() => this.#soon()).observe(this.node);
    addEventListener("resize", () => this.#soon());
  }

  get rowsInWindow() {
    return Math.max(1, Math.floor(innerHeight / this.#row) - 1);
  }

  show(order, current) {
    this.#order = order;
    this.#current = current;
    this.#lay();
    for (const card of this.#cards.values()) this.#showCard(card);
  }

  /** Scrolls no further than needed to have the current picture in the window. */
  reveal() {
    const at = this.#order.indexOf(this.#current);
    if (at < 0) return;
    const top = this.node.getBoundingClientRect().top + Math.floor(at / this.columns) * this.#row;
    const style = getComputedStyle(document.documentElement);
    const [from, to] = [parseFloat(style.scrollPaddingTop), innerHeight - parseFloat(style.scrollPaddingBottom)];
    if (top < from) scrollBy(0, top - from);
    else if (top + this.#row > to) scrollBy(0, top + this.#row - to);
    this.#lay();
  }

  #soon() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#lay();
    });
  }

  #lay() {
    const box = this.node.getBoundingClientRect();
    if (!box.width) return;
    const n = this.#measure(box.width);
    const [first, end] = visibleRows(-box.top, innerHeight, this.#row, n, BEYOND);
    const wanted = new Set();
    for (let row = first; row < end; row += 1) wanted.add(row);
    const at = this.#order.indexOf(this.#current);
    if (at >= 0) wanted.add(Math.floor(at / this.columns));
    this.#fill(wanted);
    if (at >= 0) this.node.setAttribute("aria-activedescendant", `picture-${this.#current}`);
    else this.node.removeAttribute("aria-activedescendant");
  }

  /** Sets the size of the grid, only where it is another; returns the number of its rows. */
  #measure(width) {
    this.columns = columnsIn(width, LEAST_WIDTH, GAP);
    const side = (width - GAP * (this.columns - 1)) / this.columns;
    this.#row = Math.round(side + BELOW_PICTURE) + GAP;
    const n = Math.ceil(this.#order.length / this.columns);
    const size = `${n} ${this.columns} ${this.#row}`;
    if (size === this.#size) return n;
    this.#size = size;
    this.node.style.setProperty("--columns", this.columns);
    this.node.style.setProperty("--row", `${this.#row - GAP}px`);
    this.node.style.height = `${n ? n * this.#row - GAP : 0}px`;
    this.node.setAttribute("aria-rowcount", n);
    this.node.setAttribute("aria-colcount", this.columns);
    return n;
  }

  #fill(wanted) {
    const shown = new Set();
    const rows = [...wanted].sort((a, b) => a - b).map((at) => {
      const row = this.#rows.get(at) ?? this.#newRow(at);
      row.style.transform = `translateY(${at * this.#row}px)`;
      const pictures = this.#order.slice(at * this.columns, (at + 1) * this.columns);
      setChildren(row, pictures.map((picture) => this.#card(picture).node));
      for (const picture of pictures) shown.add(picture);
      return row;
    });
    for (const at of this.#rows.keys()) if (!wanted.has(at)) this.#rows.delete(at);
    for (const [picture, card] of this.#cards) {
      if (shown.has(picture)) continue;
      card.image.removeAttribute("src"); // so that it is not fetched in vain
      this.#cards.delete(picture);
    }
    setChildren(this.node, rows);
  }

  #newRow(at) {
    const row = element("div.tray-row", { role: "row", "aria-rowindex": at + 1 });
    this.#rows.set(at, row);
    return row;
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
