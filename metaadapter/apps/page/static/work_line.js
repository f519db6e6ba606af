/** The line that says what is being done, how long it will take, and stops it. */
import { byId, element, setText } from "./element.js";
import { server } from "./interface.js";
import { note, readOut, refuse } from "./messages.js";
import { duration, say } from "./words.js";

export class WorkLine {
  #project;
  #sending = null;
  #words = element("p", { id: "work-words" });
  #bar = element("progress", { "aria-labelledby": "work-words" });
  #stop = element("button", { type: "button", onclick: () => this.#stopIt() }, say("stop"));
  #error = null;

  constructor(project) {
    this.#project = project;
    byId("work").append(this.#words, this.#bar, this.#stop);
  }

  /** @param {?Sending} sending - that goes on now, or null. */
  sending(sending) {
    this.#sending = sending;
    this.show();
  }

  show() {
    const { work } = this.#project;
    const line = byId("work");
    const busy = Boolean(this.#sending || work.busy);
    if (busy && line.hidden) readOut(this.#text());
    line.hidden = !busy;
    if (busy) {
      const { done, total } = this.#sending ?? work;
      setText(this.#words, this.#text());
      this.#bar.max = total || 1;
      this.#bar.value = done;
    }
    if (work.error && work.error !== this.#error) refuse(work.error);
    this.#error = work.error;
  }

  #text() {
    const { work } = this.#project;
    const seconds = this.#sending ? this.#sending.secondsLeft : work.seconds_left;
    const what = this.#sending
      ? say("sending", { n: this.#sending.files.length })
      : say("working", { done: work.done, total: work.total });
    return seconds === null ? what : say("with_time_left", { what, left: duration(seconds) });
  }

  #stopIt() {
    if (this.#sending) return this.#sending.stop();
    return server.stopWork().then(
      () => note(say("stopped")),
      (error) => refuse(error.message),
    );
  }
}
