/** The tray: the pictures that its filter shows, their answers, and actions for the selected ones. */
import { classFor, isRecent } from "./answers.js";
import { byId, html, render } from "./html.js";
import { note, readOut } from "./messages.js";
import { grouped, ORDERS, present, remembered, REST } from "./order.js";
import { showPicture } from "./picture_dialog.js";
import { project } from "./project.js";
import { actedOn, clicked, moved, NOTHING, without } from "./selection.js";
import { keepView } from "./storage.js";
import { card, heading } from "./tray_card.js";
import { TrayFilters } from "./tray_filters.js";
import { TrayGrid } from "./tray_grid.js";
import { say } from "./words.js";

const BELOW_ONE = 80; // pixels below a picture: two lines of a name, and two of the runner-up
const BELOW_SEVERAL = 94; // two lines of chips, and the buttons

/** It dispatches "selection" when the selection changes. */
class Tray extends EventTarget {
  #filters = new TrayFilters(() => this.#sort());
  #grid = new TrayGrid(
    (picture) =>
      card(picture, {
        isSelected: this.#selection.selected.has(picture),
        isCurrent: this.#selection.current === picture,
      }),
    heading,
  );
  #orderName = ORDERS[0];
  #memory = []; // groups in the order of the last sorting, also of pictures that have left
  #groups = [];
  #order = [];
  #selection = NOTHING;
  #hasActed = false; // whether the person has moved, selected or labelled since the last sorting
  #exchangedAt = -Infinity; // when a new order has made another picture the current one
  #isByArrow = false; // whether an arrow key was the last input: it goes through a list that is closed

  constructor() {
    super();
    for (const kind of ["keydown", "pointerdown"])
      document.addEventListener(kind, ({ key, altKey }) => (this.#isByArrow = !altKey && /^Arrow/.test(key)), true);
    byId("order").addEventListener("change", (event) => this.sortBy(event.target.value));
    byId("order-again").addEventListener("click", () => this.sortBy(this.#orderName));
  }

  /** The pictures for keys and buttons. */
  get selected() {
    return actedOn(this.#selection, this.#order);
  }

  isSelected(picture) {
    return this.#selection.selected.has(picture);
  }

  focus() {
    byId("tray").focus({ preventScroll: true });
  }

  /** Whether a person has seen which picture is current; from now on it stays current. */
  mayAct() {
    const before = scrollY;
    if (!this.#hasActed) this.#grid.reveal();
    this.#hasActed = true;
    const isSeen = scrollY === before && !isRecent(this.#exchangedAt);
    if (!isSeen) note(say("picture_changed"));
    return isSeen;
  }

  /** @param {string[]} held - pictures that stay until another one is current. */
  show(held = project.several ? this.selected : []) {
    const hides = (value) => value === "series" && project.camera_traps.burst === null;
    const option = (value) => html`<option value=${value} hidden=${hides(value)}>${say(`order_${value}`)}</option>`;
    render(byId("order"), ORDERS.map(option));
    byId("order").value = this.#orderName;
    this.#filters.show(held.filter((picture) => project.labels.has(picture)));
    const before = this.#order;
    const { shown } = this.#filters;
    // The order stays while a person works in the tray.
    this.#memory = this.#hasActed ? remembered(this.#memory, shown, this.#keys()) : this.#sorted();
    this.#arrange(shown);
    this.#selection = this.#hasActed ? without(this.#selection, before, this.#order) : this.#first();
    this.#showAll();
    if (!this.#hasActed && document.activeElement === document.body) this.focus();
  }

  /** Shows pictures that an undo has brought back, and makes the first one current. */
  showAgain(pictures = []) {
    this.show();
    const there = new Set(pictures);
    const back = this.#order.filter((picture) => there.has(picture));
    if (!back.length) return;
    this.#go({ current: back[0], anchor: back[0], selected: new Set(back.length > 1 ? back : []) });
    this.focus();
  }

  move(places, options) {
    this.#go(moved(this.#selection, this.#order, places, options));
  }

  /** Moves by rows, or by windows of rows. */
  moveRows(n, options) {
    this.move(this.#grid.placesBelow(this.#selection.current, n), options);
  }

  moveWindows(n, options) {
    this.moveRows(n * this.#grid.rowsInWindow, options);
  }

  click(picture, options) {
    this.#select(clicked(this.#selection, this.#order, picture, options));
  }

  /** Makes a picture current and scrolls to it; the selection is empty then. */
  goTo(picture) {
    if (this.#order.includes(picture)) this.#go({ current: picture, anchor: picture, selected: new Set() });
  }

  selectAll() {
    this.selectPictures(this.#order);
    this.focus();
  }

  /** Selects the pictures that stand under the same heading as the current one. */
  selectGroup() {
    const [first] = this.selected;
    this.selectPictures(this.#groups.find(({ pictures }) => pictures.includes(first))?.pictures ?? []);
  }

  selectPictures(pictures) {
    const current = pictures.includes(this.#selection.current) ? this.#selection.current : (pictures[0] ?? null);
    this.#select({ current, anchor: current, selected: new Set(pictures) });
    readOut(say("n_selected", { n: pictures.length }));
  }

  selectNone() {
    this.#select({ ...this.#selection, anchor: null, selected: new Set() });
  }

  toggle() {
    const { current } = this.#selection;
    if (current) this.click(current, { toggle: true });
  }

  enlarge() {
    const [picture] = this.selected;
    if (picture) showPicture(picture, [...this.#order], (shown) => this.goTo(shown));
  }

  /** Sorts anew. */
  sortBy(orderName) {
    this.#orderName = orderName;
    keepView(project.folder, { order: orderName });
    this.#sort();
  }

  /** Shows a change; changed pictures may stay (`holds`), to get further labels. */
  showChange(holds) {
    this.#hasActed = true;
    this.show(holds ? this.selected : []);
    this.#grid.reveal();
  }

  /** Sorts anew, and goes to the first picture, but leaves a person in a list. */
  #sort() {
    [this.#selection, this.#hasActed] = [NOTHING, false];
    this.show();
    this.#grid.reveal();
    if (!this.#isByArrow) this.focus();
  }

  /** The first picture as the current one. */
  #first() {
    const { current } = this.#selection;
    const [first = null] = this.#order;
    if (current !== null && current !== first) this.#exchangedAt = performance.now();
    return { ...NOTHING, current: first, anchor: first };
  }

  #sorted() {
    return grouped(this.#filters.shown, this.#orderName, project.answers, project.rank, this.#keys());
  }

  /** picture → the key of its group. */
  #keys() {
    if (this.#orderName === "series") return new Map(Object.entries(project.series));
    if (this.#orderName !== "class") return new Map();
    return new Map(this.#filters.shown.map((picture) => [picture, classFor(picture) ?? REST]));
  }

  #arrange(shown) {
    this.#groups = present(this.#memory, shown);
    this.#order = this.#groups.flatMap(({ pictures }) => pictures);
    const sorted = present(this.#sorted(), shown).flatMap(({ pictures }) => pictures);
    byId("order-again").hidden = sorted.every((picture, place) => picture === this.#order[place]);
  }

  #go(selection) {
    this.#select(selection);
    this.#grid.reveal();
  }

  #select(selection) {
    [this.#hasActed, this.#exchangedAt] = [true, -Infinity];
    this.#selection = selection;
    if (project.several) this.show(); // a picture that was held may leave
    else this.#showAll();
  }

  #showAll() {
    const isEmpty = !this.#order.length;
    byId("tray").hidden = isEmpty;
    byId("tray-empty").hidden = !isEmpty;
    if (isEmpty) render(byId("tray-empty"), say(this.#filters.isOpen ? "tray_empty" : "filter_empty"));
    this.#grid.below = project.several ? BELOW_SEVERAL : BELOW_ONE;
    this.#grid.show(this.#groups, this.#order, this.#selection.current);
    this.dispatchEvent(new Event("selection"));
  }
}

export const tray = new Tray();
