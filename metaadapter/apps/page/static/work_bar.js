/** The progress of uploads and of reading, with its speed, the time left, and buttons to stop and go on. */
import { byId, element, setText } from "./element.js";
import { readOut, showError } from "./messages.js";
import { server } from "./server.js";
import { count, duration, say, sayOf } from "./words.js";

export class WorkBar {
  #project;
  #upload = null;
  #next = []; // names of detectors' files that wait for the upload
  #text = element("p", { id: "work-text" });
  #detail = element("p.muted");
  #bar = element("progress", { "aria-labelledby": "work-text" });
  #stop = element("button", { type: "button", onclick: () => this.#stopOrGoOn() });
  #error = null;

  constructor(project) {
    this.#project = project;
    byId("work").append(this.#text, this.#bar, this.#detail, this.#stop);
  }

  /** @param {?Upload} upload - the one in progress. */
  showUpload(upload) {
    this.#upload = upload;
    this.show();
  }

  /** @param {string[]} names - of the detectors' files that wait for the upload. */
  showNext(names) {
    this.#next = names;
    this.show();
  }

  get #isStopped() {
    return !this.#upload && Boolean(this.#project.work.stopped);
  }

  show() {
    const { work } = this.#project;
    const bar = byId("work");
    const wasHidden = bar.hidden;
    bar.hidden = !this.#upload && !work.busy && !this.#isStopped;
    if (!bar.hidden) {
      const { done, total } = this.#upload ?? work;
      setText(this.#text, this.#message());
      setText(this.#detail, this.#speed());
      setText(this.#stop, say(this.#isStopped ? "go_on" : "stop"));
      this.#bar.hidden = this.#isStopped;
      this.#bar.max = total || 1;
      this.#bar.value = done;
      if (wasHidden) readOut(this.#message());
    }
    if (work.error && work.error !== this.#error) showError(sayOf(work, work.error));
    this.#error = work.error;
  }

  #message() {
    const { work } = this.#project;
    const next = this.#next.length ? say("uploading_then", { names: this.#next }) : "";
    if (this.#upload) return [say("uploading", { n: this.#upload.files.length }), next].filter(Boolean).join(" ");
    if (this.#isStopped) return say("stopped", { n: work.total - work.done });
    return say("working", { done: work.done, total: work.total });
  }

  #speed() {
    const { work } = this.#project;
    const { per_second: speed, secondsLeft, seconds_left = secondsLeft } = this.#upload ?? work;
    if (this.#isStopped) return "";
    return [
      speed ? say("per_second", { speed: count(speed < 10 ? Math.round(speed * 10) / 10 : Math.round(speed)) }) : "",
      typeof seconds_left === "number" ? say("time_left", { left: duration(seconds_left) }) : "",
    ].filter(Boolean).join(" · ");
  }

  #stopOrGoOn() {
    if (this.#upload) return this.#upload.stop();
    const send = this.#isStopped ? server.resumeWork : server.stopWork;
    return send().then(
      (work) => this.#project.showWork(work),
      (error) => showError(error.message),
    );
  }
}
