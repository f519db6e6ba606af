/**
 * The project as the page shows it: the state of the server, and changes that are being sent to it.
 *
 * While the server is away, changes wait in the order in which they were made. It dispatches
 * "change" after every change of what is shown, "edit" before an edit is sent, "refused" with the error
 * of a change that the server refused (and the edit) or of a server that is away, "opening" with its sentence as an error while the
 * server opens a project or has none open, "late" with the number of changes that had waited and
 * are saved now, and "overruled" with the pictures that somebody else has sorted differently.
 */
import { forget, leftOver, post, random } from "./outbox.js";
import { labelled, labelsIn, NONE, OwnLabels, sameLabel, withoutPictures } from "./piles.js";
import { edits, server } from "./server.js";
import { say } from "./words.js";

const SOON = 200; // milliseconds until the next request while the server works
const LATER = 1500; // what another person does is shown within two seconds
const PAUSE = 4; // times the duration of a load, until the next one while pictures come or are read

class Project extends EventTarget {
  name = "";
  folder = "";
  encoder = "";
  classes = [];
  tray = [];
  none = []; // the pictures that are labelled as none of the classes
  names = {};
  unreadable = {}; // picture → the reason
  frames = {}; // picture in a box → the frame that it is cut out of
  series = {}; // picture → the first frame of its series
  camera_traps = { n_frames: 0, burst: null, allowed: null };
  has_others = false; // whether there are other projects
  several = false; // whether a picture can show several classes
  ready = false;
  saved = true;
  can_undo = false;
  can_redo = false;
  revision = -1;
  answers = {};
  answersBefore = {};
  answersAt = -Infinity; // the time of the last answers
  left_out = {};
  thresholds = {}; // class → the probability from which a picture shows it, with several labels
  expected = []; // the accuracy to expect of new pictures, with so many times the labels
  elsewhere = false; // whether the tray comes from elsewhere than the labelled pictures
  answered = -1; // the revision of the answers
  advice = undefined; // also if the labelled pictures cannot be compared
  settled = []; // pieces of advice, with the action of a person
  work = { busy: false };
  reachable = true;
  threshold = 0; // the probability from which answers count

  #queue = Promise.resolve();
  #pending = 0; // changes that are shown but not yet saved by the server
  #unsent = new Map(); // key → edit that the server has not answered yet
  #n_late = 0; // changes that had waited and are saved, and are not told yet
  #n_uploads = 0; // portions of pictures that are being sent, or wait
  #loadsFrom = -Infinity; // the time of the next load while pictures come or are read
  #newest = -1; // the revision after the latest change of this tab
  #own = new OwnLabels();
  #absence = ""; // the latest reason why the server cannot be reached
  #whenBack = []; // called once the server is there again
  #wake = () => {};
  #scheduled = false;
  #labels = null;

  /** Whether the server has saved everything that is shown. */
  get allSaved() {
    return this.saved && !this.#unsent.size;
  }

  /** The number of changes that the server does not have yet. */
  get n_unsent() {
    return this.#unsent.size;
  }

  /** Whether something is lost, or has to be sent later, if the page is closed now. */
  get holdsUnsent() {
    const lost = [...this.#unsent.values()].some(({ isKept }) => !isKept);
    return lost || this.#n_uploads > 0 || (this.#unsent.size > 0 && !this.reachable);
  }

  /** The last part of the folder, by which the server knows for which project a change is. */
  get place() {
    return this.folder.split(/[\\/]/).pop();
  }

  /** Whether the answers belong to the state that is shown. */
  get upToDate() {
    return this.answered === this.revision && !this.#pending;
  }

  /** The probability from which answers count; with several labels each class has its own instead. */
  get minimum() {
    return this.several ? 0 : this.threshold;
  }

  /** id of a class → its place among the classes. */
  get rank() {
    return new Map(this.classes.map(({ id, place }) => [id, place]));
  }

  /** picture → the ids of its classes, or NONE alone; only of the pictures that have a label. */
  get labels() {
    this.#labels ??= labelsIn(this);
    return this.#labels;
  }

  /** The ids of the classes of a picture, or NONE alone; empty without a label. */
  labelsOf(picture) {
    return this.labels.get(picture) ?? [];
  }

  className(id) {
    if (id === NONE) return say("none_of_these");
    return this.classes.find((entry) => entry.id === id)?.name ?? "";
  }

  /** Follows the server as long as the page is open. */
  async follow() {
    // Browsers slow down the timers of tabs that are not seen.
    document.addEventListener("visibilitychange", () => this.#wake());
    for (;;) {
      const wait = await this.#update().catch((error) => {
        this.#lost(error);
        return error.kind === "opening" ? SOON : LATER;
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
   * @param {Object|function(): Promise} change - an edit, or a function that sends something else.
   * @param {?function()} show - changes what is shown; null if only the server knows the result.
   * @returns the response, or null if the server refused; then the page shows the server's state.
   */
  change(change, show = null) {
    const edit = typeof change === "function" ? null : post(change, this.place);
    if (show) {
      show();
      this.#pending += 1;
    }
    if (edit) {
      this.emit("edit", {});
      this.#unsent.set(edit.key, edit);
    }
    if (show || edit) this.#changed();
    const sent = this.#queue.then(() => (edit ? this.#deliver(edit) : change())).catch((error) => {
      if (error.name !== "AbortError") this.emit("refused", { error, edit });
      return null;
    });
    this.#queue = sent.then((response) => {
      if (show) this.#pending -= 1;
      this.#newest = Math.max(this.#newest, response?.revision ?? 0);
      if (edit && response) this.#own.add(edit);
      return this.#pending || (this.#n_uploads && this.#isPaused) ? null : this.#loadAgain();
    });
    return this.#queue.then(() => sent);
  }

  /** Sends files, after the changes before them; waits while the server is away. Returns the reply, or {failure}. */
  upload(send, signal) {
    this.#n_uploads += 1;
    const sent = () => this.#whenReachable(send, signal).catch((failure) => ({ failure }));
    return this.change(sent).finally(() => (this.#n_uploads -= 1));
  }

  /** Sends an edit until the server has done or refused it. */
  async #deliver(edit) {
    try {
      const response = await this.#whenReachable(() => server.edit(edit));
      if (edit.isLate) this.#n_late += 1;
      forget(edit);
      return response;
    } catch (error) {
      // The storage keeps the edit until its project is open again.
      if (error.kind !== "another-project") forget(edit);
      throw error;
    } finally {
      this.#unsent.delete(edit.key);
      this.#changed();
    }
  }

  /** Calls a function that sends something, again and again until the server is there. */
  async #whenReachable(send, signal) {
    for (;;) {
      try {
        return await send();
      } catch (error) {
        if (!error.isAway) throw error;
        this.#lost(error);
        await new Promise((resume, stop) => {
          this.#whenBack.push(resume);
          signal?.addEventListener("abort", () => stop(signal.reason));
        });
      }
    }
  }

  /** What other pages have left, or this one when another project was open. */
  #leftOver() {
    const left = leftOver(this.place).filter(({ key }) => !this.#unsent.has(key));
    for (const edit of left) edit.isLate = true;
    return left;
  }

  /** Sends edits, one after the other, once `before` is done. */
  #sendAll(late, before) {
    for (const edit of late) this.#unsent.set(edit.key, edit);
    return late.reduce(
      (sent, edit) => sent.then(() => this.#deliver(edit)).catch((error) => this.emit("refused", { error })),
      before,
    );
  }

  /** Says how many changes that had waited are saved now, and shows what they have changed. */
  #tellLate() {
    const n = this.#n_late;
    this.#n_late = 0;
    if (!n) return null;
    this.emit("late", { n });
    return this.#loadAgain();
  }

  /** Moves pictures to classes, with NONE to none of them, or with null to the tray; see `labelled`. */
  label(labels) {
    return this.change(edits.label(labels), () => Object.assign(this, labelled(this, labels)));
  }

  /** Adds a class. It has its id at once, so that pictures can go into it before the server knows it. */
  addClass(name) {
    const id = random().slice(0, 12);
    return this.change(edits.addClass(id, name), () => {
      const free = this.classes.findIndex((entry, at) => entry.place !== at);
      const place = free < 0 ? this.classes.length : free;
      this.classes = this.classes.toSpliced(place, 0, { id, name, description: "", place, pictures: [] });
    });
  }

  /** Settles a piece of advice: "move" and "none" label its pictures, "keep" and "dismiss" do not. */
  settle(piece, action) {
    const { id, classes, pictures } = piece;
    return this.change(edits.settleAdvice(id, action), () => {
      this.advice = this.advice.filter((other) => other.id !== id);
      this.settled = [{ ...piece, action }, ...this.settled];
      const label = { move: classes[1], none: NONE }[action];
      if (label) Object.assign(this, labelled(this, sameLabel(pictures, label)));
    });
  }

  /** Brings a settled piece of advice back, and its pictures to where they were. */
  takeBackAdvice(id) {
    return this.change(edits.takeBackAdvice(id), () => {
      this.settled = this.settled.filter((piece) => piece.id !== id);
    });
  }

  removePictures(pictures) {
    const rest = withoutPictures(this, new Set(pictures));
    return this.change(edits.removePictures(pictures), () => Object.assign(this, rest));
  }

  /** Undoes the last change, or with "redo" does it again. */
  step(direction) {
    return this.change(edits[direction]());
  }

  async #update() {
    const work = await server.work();
    const changed = JSON.stringify(work) !== JSON.stringify(this.work) || !this.reachable;
    this.work = work;
    this.#back();
    if (changed) this.#changed();
    const mayWait = (work.busy || this.#n_uploads) && this.#isPaused;
    if (work.revision !== this.revision && !mayWait) await this.#load();
    if (this.answered !== this.revision) await this.#loadAnswers();
    const failed = ["machine", "unexpected"].includes(work.kind); // the next edit tries again
    const goesOn = !failed && (work.busy || this.answered !== this.revision);
    return goesOn ? SOON : LATER;
  }

  /** Whether the last load was so short ago, or took so long, that another one now would slow down the page. */
  get #isPaused() {
    return performance.now() < this.#loadsFrom;
  }

  #loadAgain() {
    return this.#load().catch((error) => this.#lost(error));
  }

  async #load() {
    const start = performance.now();
    const project = await server.project();
    if (this.#pending || project.revision < this.#newest) return; // a newer change is shown
    const isOther = project.folder !== this.folder;
    Object.assign(this, project);
    if (isOther) {
      this.#own = new OwnLabels();
      this.#queue = this.#sendAll(this.#leftOver(), this.#queue).then(() => this.#tellLate());
    }
    const overruled = this.#own.overruled(project);
    if (overruled.length) this.emit("overruled", { pictures: overruled });
    this.#changed();
    this.#wake();
    const end = () => (this.#loadsFrom = performance.now() + PAUSE * (performance.now() - start));
    setTimeout(end); // after the change is shown
  }

  async #loadAnswers() {
    const given = await server.answers(this.answered);
    if (given.answers === undefined || this.#pending) return;
    const { revision: answered, ready, answers, left_out = {}, shift, thresholds, expected } = given;
    Object.assign(this, { answersBefore: this.answers, answersAt: performance.now(), answered, ready, answers, left_out });
    this.expected = expected ?? [];
    this.thresholds = thresholds ?? {};
    for (const answer of thresholds ? Object.values(answers) : []) {
      const distances = Object.entries(answer.probabilities).map(([id, p]) => Math.abs(p - thresholds[id]));
      answer.margin = Math.min(1, ...distances); // from the nearest threshold
    }
    this.elsewhere = shift?.is_shifted ?? false;
    this.#changed();
    const { advice, settled = [] } = await server.advice();
    if (this.#pending) return; // a newer change is shown
    Object.assign(this, { advice: advice ?? undefined, settled });
    this.#changed();
  }

  #lost(error) {
    if (["opening", "not-opened"].includes(error.kind)) this.emit("opening", { error });
    else if (this.reachable || error.message !== this.#absence) this.emit("refused", { error });
    this.#absence = error.message;
    this.reachable = false;
    this.#changed();
  }

  #back() {
    const wasAway = !this.reachable;
    const waiting = this.#whenBack.splice(0);
    this.reachable = true;
    const own = [...this.#unsent.values()];
    for (const edit of own) if (wasAway) edit.isLate = true;
    const left = wasAway && this.folder ? this.#leftOver() : [];
    const oldest = Math.min(...own.map(({ at }) => at));
    const older = this.#sendAll(left.filter(({ at }) => at < oldest), Promise.resolve());
    older.then(() => waiting.forEach((resume) => resume()));
    if (!wasAway) return;
    const newer = left.filter(({ at }) => at >= oldest);
    this.#queue = this.#sendAll(newer, Promise.all([older, this.#queue])).then(() => this.#tellLate());
  }

  /** Dispatches an event with some values. */
  emit(name, values) {
    this.dispatchEvent(Object.assign(new Event(name), values));
  }

  #changed() {
    this.#labels = null;
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.emit("change");
    });
  }
}

export const project = new Project();
