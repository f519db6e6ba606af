/** The tray: pictures without a label, their answers, and what is done with the chosen ones. */
import { byId, element, setText } from "./element.js";
import { note, readOut } from "./messages.js";
import { kept, ordered, ORDERS } from "./order.js";
import { showPicture } from "./picture_dialog.js";
import { actedOn, allOf, clicked, moved, NOTHING, without } from "./selection.js";
import { carry } from "./taking_in.js";
import { TrayCard } from "./tray_card.js";
import { TrayGrid } from "./tray_grid.js";
import { listenToKeys } from "./tray_keys.js";
import { count, say } from "./words.js";

export class Tray extends EventTarget {
  #project;
  #grid;
  #order = [];
  #by = ORDERS[0];
  #selection = NOTHING;
  threshold = 0;

  /** Tells "choice" when other pictures are chosen. */
  constructor(project) {
    super();
    this.#project = project;
    const acts = {
      accept: (picture) => this.accept([picture]),
      put: (picture, id) => this.put(id, [picture]),
    };
    this.#grid = new TrayGrid((picture) => new TrayCard(picture, acts), (card) => this.#showCard(card));
    byId("order").append(...ORDERS.map((value) => element("option", { value }, say(`order_${value}`))));
    byId("order").addEventListener("change", (event) => this.#sortBy(event.target.value));
    byId("order-again").addEventListener("click", () => this.#sortBy(this.#by));
    byId("choose-all").addEventListener("click", () => {
      this.chooseAll();
      this.focus();
    });
    this.#listen(this.#grid.node);
    listenToKeys(this.#grid.node, this);
  }

  /** The pictures that keys and buttons act on. */
  get chosen() {
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
    // Nothing moves under a hand that is at work; a tray that nobody has touched is in order.
    this.#order = this.#selection.current === null ? this.#sorted() : kept(before, tray);
    this.#selection = without(this.#selection, before, this.#order);
    this.#showAll();
  }

  move(places, options) {
    this.#choose(moved(this.#selection, this.#order, places, options));
    this.#grid.reveal();
  }

  chooseAll() {
    this.#choose(allOf(this.#selection, this.#order));
    readOut(say("n_chosen", { n: this.#order.length }));
  }

  chooseNone() {
    this.#choose({ ...this.#selection, anchor: null, chosen: new Set() });
  }

  toggle() {
    const { current } = this.#selection;
    if (current) this.#choose(clicked(this.#selection, this.#order, current, { toggle: true }));
  }

  /** Puts pictures into a class. */
  put(id, pictures = this.chosen) {
    if (!id || !pictures.length) return;
    this.#label(Object.fromEntries(pictures.map((picture) => [picture, id])));
    readOut(
      say("put", { n: pictures.length, name: this.#project.className(id), left: this.#order.length }),
    );
  }

  /** Puts a class by its place among the classes, from 0. */
  putInto(place) {
    this.put(this.#project.classes[place]?.id);
  }

  /** Makes the answers of pictures their labels; those with none of the classes stay. */
  accept(pictures = this.chosen) {
    const { answers } = this.#project;
    const answered = pictures.filter((picture) => answers[picture] && !answers[picture].unfamiliar);
    if (!answered.length) return pictures.length ? note(say("nothing_to_accept")) : undefined;
    const labels = Object.fromEntries(answered.map((picture) => [picture, answers[picture].class]));
    this.#label(labels);
    return readOut(say("accepted", { n: answered.length, left: this.#order.length }));
  }

  remove(pictures = this.chosen) {
    if (pictures.length) this.#project.removePictures(pictures);
  }

  look() {
    const [picture] = this.chosen;
    if (picture) showPicture(this.#project, picture);
  }

  #label(labels) {
    this.#project.label(labels);
    this.show();
    this.#grid.reveal();
  }

  #sortBy(by) {
    this.#by = by;
    this.#order = this.#sorted();
    this.#choose(NOTHING);
  }

  #sorted() {
    const { tray, answers, rank } = this.#project;
    return ordered(tray, this.#by, answers, rank);
  }

  #choose(selection) {
    this.#selection = selection;
    this.#showAll();
  }

  #showAll() {
    this.#grid.show(this.#order, this.#selection.current);
    const sorted = this.#sorted();
    byId("order-again").hidden = sorted.every((picture, at) => picture === this.#order[at]);
    setText(byId("tray-count"), count(this.#order.length));
    this.dispatchEvent(new Event("choice"));
  }

  #showCard(card) {
    const { answers, upToDate } = this.#project;
    card.show(this.#project, {
      answer: answers[card.picture],
      threshold: this.threshold,
      chosen: this.#selection.chosen.has(card.picture),
      current: this.#selection.current === card.picture,
      stale: !upToDate,
    });
  }

  #listen(node) {
    const pictureOf = (event) => event.target.closest?.("[data-picture]")?.dataset.picture;
    // The focus stays on the grid, so that keys go on where the mouse left off.
    node.addEventListener("mousedown", (event) => {
      if (!event.target.closest("button")) return;
      event.preventDefault();
      this.#choose(clicked({ ...NOTHING }, this.#order, pictureOf(event), { toggle: true }));
      this.chooseNone();
      this.focus();
    });
    node.addEventListener("click", (event) => {
      const picture = pictureOf(event);
      this.focus();
      if (!picture || event.target.closest("button")) return;
      const toggle = event.ctrlKey || event.metaKey || Boolean(event.target.closest(".mark"));
      this.#choose(clicked(this.#selection, this.#order, picture, { toggle, extend: event.shiftKey }));
    });
    node.addEventListener("dblclick", (event) => {
      if (pictureOf(event) && !event.target.closest("button, .mark")) this.look();
    });
    node.addEventListener("dragstart", (event) => {
      const picture = pictureOf(event);
      if (!picture) return;
      const together = this.#selection.chosen.has(picture);
      carry(event, together ? this.chosen : [picture]);
    });
    node.addEventListener("focus", () => {
      const [first] = this.#order;
      if (this.#selection.current !== null || !first) return;
      this.#choose({ ...this.#selection, current: first, anchor: first });
    });
  }
}
