/** The tray: pictures without a class, their answers, and actions for the selected ones. */
import { byId, element, setText } from "./element.js";
import { note, readOut } from "./messages.js";
import { inPlace, ordered, ORDERS, withNew } from "./order.js";
import { showPicture } from "./picture_dialog.js";
import { actedOn, allOf, clicked, moved, NOTHING, without } from "./selection.js";
import { TrayCard } from "./tray_card.js";
import { TrayGrid } from "./tray_grid.js";
import { listenToKeys } from "./tray_keys.js";
import { drag } from "./uploads.js";
import { count, say } from "./words.js";

export class Tray extends EventTarget {
  #project;
  #grid;
  #places = []; // of all pictures since the last sorting, also of those that left the tray
  #order = [];
  #orderName = ORDERS[0];
  #selection = NOTHING;
  threshold = 0;

  /** It dispatches "selection" when the selection changes. */
  constructor(project) {
    super();
    this.#project = project;
    const actions = {
      accept: (picture) => this.accept([picture]),
      put: (picture, id) => this.put(id, [picture]),
    };
    this.#grid = new TrayGrid((picture) => new TrayCard(picture, actions), (card) => this.#showCard(card));
    byId("order").append(...ORDERS.map((value) => element("option", { value }, say(`order_${value}`))));
    byId("order").addEventListener("change", (event) => this.#sortBy(event.target.value));
    byId("order-again").addEventListener("click", () => this.#sortBy(this.#orderName));
    byId("select-all").addEventListener("click", () => {
      this.selectAll();
      this.focus();
    });
    this.#listen(this.#grid.node);
    listenToKeys(this.#grid.node, this);
  }

  /** The pictures for keys and buttons. */
  get selected() {
    return actedOn(this.#selection, this.#order);
  }

  get size() {
    return this.#order.length;
  }

  get columns() {
    return this.#grid.columns;
  }

  get rowsInWindow() {
    return this.#grid.rowsInWindow;
  }

  focus() {
    this.#grid.node.focus({ preventScroll: true });
  }

  show() {
    const { tray } = this.#project;
    const before = this.#order;
    // The order stays while a person works in the tray.
    this.#places = this.#selection.current === null ? this.#sorted() : withNew(this.#places, tray);
    this.#order = inPlace(this.#places, tray);
    this.#selection = without(this.#selection, before, this.#order);
    this.#showAll();
  }

  /** Shows pictures that an undo has brought back, and makes the first one current. */
  showAgain(pictures) {
    this.show();
    const back = inPlace(this.#order, pictures);
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

  selectAll() {
    this.#select(allOf(this.#selection, this.#order));
    readOut(say("n_selected", { n: this.#order.length }));
  }

  selectNone() {
    this.#select({ ...this.#selection, anchor: null, selected: new Set() });
  }

  toggle() {
    const { current } = this.#selection;
    if (current) this.#select(clicked(this.#selection, this.#order, current, { toggle: true }));
  }

  /** Puts pictures into a class. */
  put(id, pictures = this.selected) {
    if (!id || !pictures.length) return;
    this.#label(Object.fromEntries(pictures.map((picture) => [picture, id])));
    readOut(
      say("put", { n: pictures.length, name: this.#project.className(id), left: this.#order.length }),
    );
  }

  /** Puts the selected pictures into the class at a place, from 0. */
  putInto(place) {
    this.put(this.#project.classes[place]?.id);
  }

  /** Makes the answers of pictures their labels; unfamiliar pictures stay. */
  accept(pictures = this.selected) {
    const { answers } = this.#project;
    const acceptable = pictures.filter((picture) => answers[picture] && !answers[picture].unfamiliar);
    if (!acceptable.length) return pictures.length ? note(say("nothing_to_accept")) : undefined;
    const labels = Object.fromEntries(acceptable.map((picture) => [picture, answers[picture].class]));
    this.#label(labels);
    return readOut(say("accepted", { n: acceptable.length, left: this.#order.length }));
  }

  remove(pictures = this.selected) {
    if (pictures.length) this.#project.removePictures(pictures);
  }

  enlarge() {
    const [picture] = this.selected;
    if (picture) showPicture(this.#project, picture);
  }

  #label(labels) {
    this.#project.label(labels);
    this.show();
    this.#grid.reveal();
  }

  #sortBy(orderName) {
    this.#orderName = orderName;
    this.#places = this.#order = this.#sorted();
    this.#select(NOTHING);
  }

  #sorted() {
    const { tray, answers, rank } = this.#project;
    return ordered(tray, this.#orderName, answers, rank);
  }

  #select(selection) {
    this.#selection = selection;
    this.#showAll();
  }

  #showAll() {
    this.#grid.show(this.#order, this.#selection.current);
    const sorted = this.#sorted();
    byId("order-again").hidden = sorted.every((picture, place) => picture === this.#order[place]);
    setText(byId("tray-count"), count(this.#order.length));
    this.dispatchEvent(new Event("selection"));
  }

  #showCard(card) {
    const { answers, upToDate } = this.#project;
    card.show(this.#project, {
      answer: answers[card.picture],
      threshold: this.threshold,
      selected: this.#selection.selected.has(card.picture),
      current: this.#selection.current === card.picture,
      stale: !upToDate,
    });
  }

  #listen(node) {
    const pictureOf = (event) => event.target.closest?.("[data-picture]")?.dataset.picture;
    // The focus stays on the grid, so that keys continue where the mouse was.
    node.addEventListener("mousedown", (event) => {
      if (!event.target.closest("button")) return;
      event.preventDefault();
      this.#select(clicked({ ...NOTHING }, this.#order, pictureOf(event), { toggle: true }));
      this.selectNone();
      this.focus();
    });
    node.addEventListener("click", (event) => {
      const picture = pictureOf(event);
      this.focus();
      if (!picture || event.target.closest("button")) return;
      const toggle = event.ctrlKey || event.metaKey || Boolean(event.target.closest(".mark"));
      this.#select(clicked(this.#selection, this.#order, picture, { toggle, extend: event.shiftKey }));
    });
    node.addEventListener("dblclick", (event) => {
      if (pictureOf(event) && !event.target.closest("button, .mark")) this.enlarge();
    });
    node.addEventListener("dragstart", (event) => {
      const picture = pictureOf(event);
      if (!picture) return;
      drag(event, this.#selection.selected.has(picture) ? this.selected : [picture]);
    });
    node.addEventListener("focus", () => {
      const [first] = this.#order;
      if (this.#selection.current !== null || !first) return;
      this.#select({ ...this.#selection, current: first, anchor: first });
    });
  }
}
