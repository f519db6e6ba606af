/** The line above the tray for camera traps: how many frames there are, and what can be done with them. */
import { byId, element, setText } from "./element.js";
import { showField } from "./field_dialog.js";
import { showFrames } from "./frame_dialog.js";
import { showError } from "./messages.js";
import { say } from "./words.js";

export class FramesLine {
  #project;
  #text = element("p");

  /** @param project - a Project. @param {function(): number} threshold - of the answers that count. */
  constructor(project, threshold) {
    this.#project = project;
    const button = (key, onclick) => element("button", { type: "button", "aria-haspopup": "dialog", onclick }, say(key));
    const orError = (promise) => promise.catch((error) => showError(error.message));
    byId("frames").append(
      this.#text,
      button("frames_review", () => orError(showFrames(project))),
      button("field_open", () => orError(showField(project, threshold()))),
    );
  }

  show() {
    const { camera_traps, frames } = this.#project;
    byId("frames").hidden = !camera_traps.n_frames;
    const n = Object.keys(frames).length;
    setText(this.#text, say("frames_line", { n: camera_traps.n_frames, boxes: say("n_boxes", { n }) }));
  }
}
