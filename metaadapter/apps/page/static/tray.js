/** The tray: the pictures that its filter shows, their answers, and actions for the selected ones. */
import { byId, element, setText } from "./element.js";
import { classFor } from "./filters.js";
import { GroupHeading } from "./group_heading.js";
import { readOut } from "./messages.js";
import { grouped, ORDERS, present, remembered, REST } from "./order.js";
import { showPicture } from "./picture_dialog.js";
import { actedOn, allOf, clicked, moved, NOTHING, without } from "./selection.js";
import { TrayActions } from "./tray_actions.js";
import { TrayCard } from "./tray_card.js";
import { TrayFilters } from "./tray_filters.js";
import { TrayGrid } from "./tray_grid.js";
import { listenToKeys } from "./tray_keys.js";
import { listenToPointer } from "./tray_pointer.js";
import { settings } from "./view_settings.js";
import { say } from "./words.js";

const BELOW_ONE = 74; // pixels below a picture: two lines of a name, and the buttons
const BELOW_SEVERAL = 88; // two lines of chips, and the buttons

export class Tray extends EventTarget {
  #project;
  #grid;
  #filters;
  #orderName = ORDERS[0];
  #memory = []; // groups in the order of the last sorting, also of pictures that have left
  #groups = [];
  #order = [];
  #selection = NOTHING;
  threshold = 0; // of all classes; with several labels each class has its own
  actions;

  /** It dispatches "selection" when the selection changes. */
  constructor(project) {
    super();
    this.#project = project;
    this.actions = new TrayActions(project, this);
    this.#filters = new TrayFilters(project, () => this.#sort());
    this.#grid = new TrayGrid({
      card: (picture) => new TrayCard(picture, this.actions),
      showCard: (card) => this.#showCard(card),
      heading: () => new GroupHeading(project, this),
      showHeading: (heading, group) => heading.show(group),
    });
    byId("order").append(...ORDERS.map((value) => element("option", { value }, say(`order_${value}`))));
    byId("order").addEventListener("change", (event) => this.sortBy(event.target.value));
    byId("order-again").addEventListener("click", () => this.sortBy(this.#orderName));
    byId("select-all").addEventListener("click", () => {
      this.selectAll();
      this.focus();
    });
    listenToPointer(this.#grid.node, this);
    listenToKeys(this);
  }

  /** The pictures for keys and buttons. */
  get selected() {
    return actedOn(this.#selection, this.#order);
  }

  /** The number of pictures shown. */
  get size() {
    return this.#order.length;
  }

  get rowsInWindow() {
    return this.#grid.rowsInWindow;
  }

  isSelected(picture) {
    return this.#selection.selected.has(picture);
  }

  focus() {
    this.#grid.node.focus({ preventScroll: true });
  }

  /** Makes the first picture current if none is. */
  begin() {
    const [first] = this.#order;
    if (this.#selection.current === null && first)
      this.#select({ ...this.#selection, current: first, anchor: first });
  }

  /** @param {string[]} held - pictures that stay until another one is current. */
  show(held = this.#project.several ? this.selected : []) {
    held = held.filter((picture) => this.#project.labels.has(picture));
    byId("order").querySelector("[value=series]").hidden = this.#project.camera_traps.burst === null;
    this.#filters.show(this.#minimum, held);
    const before = this.#order;
    const shown = this.#filters.shown;
    // The order stays while a person works in the tray.
    if (this.#selection.current === null) this.#memory = this.#sorted();
    else this.#memory = remembered(this.#memory, shown, this.#keys());
    this.#arrange(shown);
    this.#selection = without(this.#selection, before, this.#order);
    this.#showAll();
  }

  /** Shows pictures that an undo has brought back, and makes the first one current. */
  showAgain(pictures) {
    this.show();
    const there = new Set(pictures);
    const back = this.#order.filter((picture) => there.has(picture));
    if (!back.length) return;
    const selected = new Set(back.length > 1 ? back : []);
    this.#select({ current: back[0], anchor: back[0], selected });
    this.#grid.reveal();
    this.focus();
  }

  move(places, options) {
    this.#select(moved(this.#selection, this.#order, places, options));
    this.#grid.reveal();
  }

  moveRows(n, options) {
    const { current } = this.#selection;
    this.move(current === null ? 0 : this.#grid.placesBelow(current, n), options);
  }

  click(picture, options) {
    this.#select(clicked(this.#selection, this.#order, picture, options));
  }

  /** Makes a picture current and scrolls to it; the selection is empty then. */
  goTo(picture) {
    if (!this.#order.includes(picture)) return;
    this.#select({ current: picture, anchor: picture, selected: new Set() });
    this.#grid.reveal();
  }

  selectAll() {
    this.selectPictures(this.#order);
  }

  /** Selects the pictures that stand under the same heading as the current one. */
  selectGroup() {
    const [first] = this.selected;
    this.selectPictures(this.#groups.find(({ pictures }) => pictures.includes(first))?.pictures ?? []);
  }

  selectPictures(pictures) {
    const current = pictures.includes(this.#selection.current) ? this.#selection.current : (pictures[0] ?? null);
    this.#select(allOf({ current, anchor: current }, pictures));
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
    if (picture) showPicture(this.#project, picture, [...this.#order], (shown) => this.goTo(shown));
  }

  /** Sorts anew; the look-alikes are asked from the server. */
  async sortBy(orderName) {
    this.#orderName = orderName;
    byId("order").value = orderName;
    settings.order = orderName;
    if (orderName === "alike") await this.#project.loadAlike();
    this.#sort();
  }

  /**
   * Shows a change of the pictures, and the picture that is current then.
   *
   * @param {boolean} holds - whether changed pictures stay, to get further labels.
   */
  showChange(holds = false) {
    this.show(holds ? this.selected : []);
    this.#grid.reveal();
  }

  get #minimum() {
    return this.#project.several ? 0 : this.threshold;
  }

  #sort() {
    this.#filters.show(this.#minimum);
    this.#selection = NOTHING;
    this.#memory = this.#sorted();
    this.#arrange(this.#filters.shown);
    this.#showAll();
  }

  #sorted() {
    const { answers, rank } = this.#project;
    return grouped(this.#filters.shown, this.#orderName, answers, rank, this.#keys());
  }

  /** picture → the key of its group. */
  #keys() {
    if (this.#orderName === "alike") return this.#project.alike;
    if (this.#orderName === "series") return new Map(Object.entries(this.#project.series));
    if (this.#orderName !== "class") return new Map();
    return new Map(this.#filters.shown.map((picture) => [picture, classFor(this.#project, picture) ?? REST]));
  }

  #arrange(shown) {
    this.#groups = present(this.#memory, shown);
    this.#order = this.#groups.flatMap(({ pictures }) => pictures);
    const sorted = present(this.#sorted(), shown).flatMap(({ pictures }) => pictures);
    byId("order-again").hidden = sorted.every((picture, place) => picture === this.#order[place]);
  }

  #select(selection) {
    this.#selection = selection;
    if (this.#project.several) this.show(); // a picture that was held may leave
    else this.#showAll();
  }

  #showAll() {
    const isEmpty = !this.#order.length;
    byId("tray").hidden = isEmpty;
    byId("tray-empty").hidden = !isEmpty;
    if (isEmpty) setText(byId("tray-empty"), say(this.#filters.isOpen ? "tray_empty" : "filter_empty"));
    this.#grid.below = this.#project.several ? BELOW_SEVERAL : BELOW_ONE;
    this.#grid.show(this.#groups, this.#order, this.#selection.current);
    this.dispatchEvent(new Event("selection"));
  }

  #showCard(card) {
    card.show(this.#project, {
      threshold: this.#minimum,
      selected: this.#selection.selected.has(card.picture),
      current: this.#selection.current === card.picture,
    });
  }
}
