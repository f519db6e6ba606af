/**
 * The project as the page shows it: the state of the server, and changes that are being sent to it.
 *
 * It dispatches "change" after every change of what is shown, and "refused" with the error of a
 * change that the server refused.
 */
import { NONE } from "./none.js";
import { server } from "./server.js";
import { reason, say } from "./words.js";

const SOON = 200; // milliseconds until the next request while the server works
const LATER = 3000;
const BUSY = 503;

export class Project extends EventTarget {
  name = "";
  folder = "";
  encoder = "";
  classes = [];
  tray = [];
  none = []; // the pictures that are labelled as none of the classes
  names = {};
  unreadable = {}; // picture → the reason
  ready = false;
  saved = true;
  can_undo = false;
  can_redo = false;
  revision = -1;
  answers = {};
  left_out = {};
  elsewhere = false; // whether the tray comes from elsewhere than the labelled pictures
  answered = -1; // the revision of the answers
  points = []; // the cost of each threshold
  n_pictures = 0; // the number of left-out pictures behind the points
  advice = [];
  alike = new Map(); // picture → the number of its group of look-alikes
  work = { busy: false };
  reachable = true;

  #queue = Promise.resolve();
  #pending = 0; // changes that are shown but not yet saved by the server
  #wake = () => {};
  #scheduled = false;
  #labels = null;

  /** Whether the server has saved everything that is shown. */
  get allSaved() {
    return this.saved && !this.#pending;
  }

  /** Whether the answers belong to the state that is shown. */
  get upToDate() {
    return this.answered === this.revision && !this.#pending;
  }

  /** id of a class → its place among the classes. */
  get rank() {
    return new Map(this.classes.map(({ id }, place) => [id, place]));
  }

  /** picture → the id of its class, or NONE; only of the pictures that have a label. */
  get labels() {
    this.#labels ??= new Map([
      ...this.classes.flatMap(({ id, pictures }) => pictures.map((picture) => [picture, id])),
      ...this.none.map((picture) => [picture, NONE]),
    ]);
    return this.#labels;
  }

  /** The number of pictures, with and without a label. */
  get size() {
    return this.tray.length + this.labels.size;
  }

  classOf(picture) {
    return this.classes.find(({ pictures }) => pictures.includes(picture)) ?? null;
  }

  className(id) {
    if (id === NONE) return say("none_of_these");
    return this.classes.find((entry) => entry.id === id)?.name ?? "";
  }

  /** Why a picture cannot be read; undefined if it can. */
  reasonOf(picture) {
    return picture in this.unreadable ? reason(this.unreadable[picture]) : undefined;
  }

  /** Follows the server as long as the page is open. */
  async follow() {
    for (;;) {
      const wait = await this.#update().catch((error) => {
        if (error.status === BUSY) return SOON; // another project is being opened
        if (this.reachable) this.#refused(error);
        this.reachable = false;
        return LATER;
      });
      await new Promise((resume) => {
        const timer = setTimeout(resume, wait);
        this.#wake = () => {
          clearTimeout(timer);
          resume();
        };
      });
    }
  }

  /**
   * Makes a change: it is shown at once, and sent after the changes before it.
   *
   * @param {function(): Promise} send - sends the change to the server.
   * @param {?function()} show - changes what is shown; null if only the server knows the result.
   * @returns the response, or null if the server refused; then the page shows the server's state.
   */
  change(send, show = null) {
    if (show) {
      show();
      this.#pending += 1;
      this.#changed();
    }
    const sent = this.#queue.then(send).catch((error) => {
      if (error.name !== "AbortError") this.#refused(error);
      return null;
    });
    this.#queue = sent.then(() => {
      if (show) this.#pending -= 1;
      return this.#pending ? null : this.#load().catch((error) => this.#refused(error));
    });
    return this.#queue.then(() => sent);
  }

  /** Moves pictures to classes, with NONE to none of them, or with null to the tray. */
  label(labels) {
    const pictures = new Set(Object.keys(labels));
    return this.change(
      () => server.label(labels),
      () => {
        this.#remove(pictures);
        const lists = new Map(this.classes.map(({ id, pictures: all }) => [id, all]));
        lists.set(NONE, this.none);
        for (const [picture, id] of Object.entries(labels)) (lists.get(id) ?? this.tray).push(picture);
      },
    );
  }

  removePictures(pictures) {
    return this.change(
      () => server.removePictures(pictures),
      () => this.#remove(new Set(pictures)),
    );
  }

  #remove(pictures) {
    const rest = (all) => all.filter((picture) => !pictures.has(picture));
    this.tray = rest(this.tray);
    this.none = rest(this.none);
    this.classes = this.classes.map((entry) => ({ ...entry, pictures: rest(entry.pictures) }));
  }

  /** Loads the groups of look-alikes in the tray. */
  async loadAlike() {
    const { groups } = await server.alike().catch((error) => {
      this.#refused(error);
      return { groups: [] };
    });
    this.alike = new Map(groups.flatMap((pictures, n) => pictures.map((picture) => [picture, String(n)])));
  }

  /** Shows a state of the work that the server has just sent. */
  showWork(work) {
    const changed = JSON.stringify(work) !== JSON.stringify(this.work) || !this.reachable;
    this.work = work;
    this.reachable = true;
    if (changed) this.#changed();
    this.#wake();
  }

  async #update() {
    const work = await server.work();
    this.showWork(work);
    if (work.revision !== this.revision) await this.#load();
    if (this.answered !== this.revision) await this.#loadAnswers();
    return work.busy || this.answered !== this.revision ? SOON : LATER;
  }

  async #load() {
    const project = await server.project();
    if (this.#pending) return; // a newer change is shown
    Object.assign(this, project);
    this.#changed();
    this.#wake();
  }

  async #loadAnswers() {
    const { revision, ready, answers, left_out, shift } = await server.answers(this.answered);
    if (answers === undefined || this.#pending) return;
    const elsewhere = shift?.is_shifted ?? false;
    Object.assign(this, { ready, answers, left_out: left_out ?? {}, elsewhere, answered: revision });
    this.#changed();
    const { points, n_pictures } = await server.costs();
    Object.assign(this, { points, n_pictures });
    this.#changed();
    const { advice } = await server.advice();
    Object.assign(this, { advice });
    this.#changed();
  }

  #refused(error) {
    this.dispatchEvent(Object.assign(new Event("refused"), { error }));
  }

  #changed() {
    this.#labels = null;
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.dispatchEvent(new Event("change"));
    });
  }
}
