/** The lines above the tray for detectors' files that list frames whose pictures have not come yet. */
import { edits } from "./edits.js";
import { byId, element, setChildren, setText } from "./element.js";
import { say } from "./words.js";

export class WaitingBoxes {
  #project;
  #lines = new Map(); // id of a file → its line

  constructor(project) {
    this.#project = project;
  }

  show() {
    const { waiting_boxes: waiting } = this.#project;
    byId("waiting-boxes").hidden = !waiting.length;
    setChildren(byId("waiting-boxes"), waiting.map((file) => this.#line(file)));
  }

  #line({ id, file, missing: n, example }) {
    if (!this.#lines.has(id)) {
      const onclick = () => this.#project.change(edits.forgetDetections(id));
      const forget = element("button", { type: "button", onclick }, say("boxes_forget"));
      this.#lines.set(id, element("div.frames-line", {}, element("p"), forget));
    }
    setText(this.#lines.get(id).firstChild, say("boxes_wait", { n, file, example }));
    return this.#lines.get(id);
  }
}
