/** The progress of uploads and of encoding, with the time left and a button that stops it. */
import { byId, element, setText } from "./element.js";
import { note, readOut, showError } from "./messages.js";
import { server } from "./server.js";
import { duration, say, sayOf } from "./words.js";

export class WorkBar {
  #project;
  #upload = null;
  #text = element("p", { id: "work-text" });
  #bar = element("progress", { "aria-labelledby": "work-text" });
  #stop = element("button", { type: "button", onclick: () => this.#stopWork() }, say("stop"));
  #error = null;

  constructor(project) {
    this.#project = project;
    byId("work").append(this.#text, this.#bar, this.#stop);
  }

  /** @param {?Upload} upload - the one in progress. */
  showUpload(upload) {
    this.#upload = upload;
    this.show();
  }

  show() {
    const { work } = this.#project;
    const bar = byId("work");
    const busy = Boolean(this.#upload || work.busy);
    if (busy && bar.hidden) readOut(this.#message());
    bar.hidden = !busy;
    if (busy) {
      const { done, total } = this.#upload ?? work;
      setText(this.#text, this.#message());
      this.#bar.max = total || 1;
      this.#bar.value = done;
    }
    if (work.error && work.error !== this.#error) showError(sayOf(work, work.error));
    this.#error = work.error;
  }

  #message() {
    const { work } = this.#project;
    const seconds = this.#upload ? this.#upload.secondsLeft : work.seconds_left;
    const what = this.#upload
      ? say("uploading", { n: this.#upload.files.length })
      : say("working", { done: work.done, total: work.total });
    return seconds === null ? what : say("with_time_left", { what, left: duration(seconds) });
  }

  #stopWork() {
    if (this.#upload) return this.#upload.stop();
    return server.stopWork().then(
      () => note(say("stopped")),
      (error) => showError(error.message),
    );
  }
}
