/**
 * The project as the page knows it: what the server holds, and changes that are on their way to it.
 *
 * Tells "change" whenever something to be shown is another, and "refused" with the error of a change
 * that the server did not take.
 */
import { server } from "./interface.js";

const SOON = 200; // milliseconds between two looks while the server works
const LATER = 3000;
const BUSY = 503;

export class Project extends EventTarget {
  name = "";
  folder = "";
  encoder = "";
  classes = [];
  tray = [];
  names = {};
  unreadable = {}; // picture → why it has no answer
  ready = false;
  saved = true;
  can_undo = false;
  can_redo = false;
  revision = -1;
  answers = {};
  left_out = {};
  answered = -1; // the revision that the answers belong to
  points = [];
  n_pictures = 0; // that the points rest on
  advice = [];
  work = { busy: false };
  reached = true;

  #queue = Promise.resolve();
  #ahead = 0; // changes that are shown and that the server has not taken yet
  #wake = () => {};
  #told = false;

  /** Whether the server has everything that is shown, on its disk. */
  get kept() {
    return this.saved && !this.#ahead;
  }

  /** Whether the answers are those of what is shown. */
  get upToDate() {
    return this.answered === this.revision && !this.#ahead;
  }

  /** id of a class → its place among the classes. */
  get rank() {
    return new Map(this.classes.map(({ id }, at) => [id, at]));
  }

  classOf(picture) {
    return this.classes.find(({ pictures }) => pictures.includes(picture)) ?? null;
  }

  className(id) {
    return this.classes.find((one) => one.id === id)?.name ?? "";
  }

  /** Begins to follow the server, for as long as the page is open. */
  async follow() {
    for (;;) {
      const wait = await this.#look().catch((error) => {
        if (error.status === BUSY) return SOON; // another project is being opened
        if (this.reached) this.#refused(error);
        this.reached = false;
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
   * Makes a change: shown at once, sent after those before it.
   *
   * @param {function(): Promise} send - asks the server.
   * @param {function()} show - changes what is shown; left out where only the server can tell.
   * @returns what the server answered, or null if it refused; then all is shown as the server has it.
   */
  change(send, show = null) {
    if (show) {
      show();
      this.#ahead += 1;
      this.#tell();
    }
    const sent = this.#queue.then(send).catch((error) => {
      if (error.name !== "AbortError") this.#refused(error);
      return null;
    });
    this.#queue = sent.then(() => {
      if (show) this.#ahead -= 1;
      return this.#ahead ? null : this.#load().catch((error) => this.#refused(error));
    });
    return this.#queue.then(() => sent);
  }

  /** Puts pictures into classes, or with null back into the tray. */
  label(labels) {
    const moving = new Set(Object.keys(labels));
    return this.change(
      () => server.label(labels),
      () => {
        this.#takeOut(moving);
        for (const [picture, id] of Object.entries(labels))
          (this.classes.find((one) => one.id === id)?.pictures ?? this.tray).push(picture);
      },
    );
  }

  removePictures(pictures) {
    return this.change(
      () => server.removePictures(pictures),
      () => this.#takeOut(new Set(pictures)),
    );
  }

  #takeOut(pictures) {
    const stays = (picture) => !pictures.has(picture);
    this.tray = this.tray.filter(stays);
    this.classes = this.classes.map((one) => ({ ...one, pictures: one.pictures.filter(stays) }));
  }

  async #look() {
    const work = await server.work();
    const changed = JSON.stringify(work) !== JSON.stringify(this.work) || !this.reached;
    this.work = work;
    this.reached = true;
    if (changed) this.#tell();
    if (work.revision !== this.revision) await this.#load();
    if (this.answered !== this.revision) await this.#askForAnswers();
    return work.busy || this.answered !== this.revision ? SOON : LATER;
  }

  async #load() {
    const project = await server.project();
    if (this.#ahead) return; // a change came in between: what it shows is newer
    Object.assign(this, project);
    this.#tell();
    this.#wake();
  }

  async #askForAnswers() {
    const { revision, ready, answers, left_out } = await server.answers(this.answered);
    if (answers === undefined || this.#ahead) return;
    Object.assign(this, { ready, answers, left_out: left_out ?? {}, answered: revision });
    this.#tell();
    const { points, n_pictures } = await server.sure();
    Object.assign(this, { points, n_pictures });
    this.#tell();
    const { advice } = await server.advice();
    Object.assign(this, { advice });
    this.#tell();
  }

  #refused(error) {
    this.dispatchEvent(Object.assign(new Event("refused"), { error }));
  }

  #tell() {
    if (this.#told) return;
    this.#told = true;
    queueMicrotask(() => {
      this.#told = false;
      this.dispatchEvent(new Event("change"));
    });
  }
}
