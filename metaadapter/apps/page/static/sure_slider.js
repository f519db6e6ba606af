/** The slider of how sure an answer is to be, and what that costs. */
import { countsAt, countSure } from "./cost.js";
import { byId, element, setText } from "./element.js";
import { percent, say } from "./words.js";

export class SureSlider {
  #project;
  #changed;
  #input = element("input", {
    type: "range",
    id: "sure-slider",
    min: 0,
    max: 99,
    step: 1,
    value: 0,
    oninput: () => this.#set(),
    "aria-describedby": "sure-cost",
  });
  #words = element("label", { htmlFor: "sure-slider" });
  #cost = element("p.muted", { id: "sure-cost" });

  /** @param {function(number)} changed - called with the probability that is asked for. */
  constructor(project, changed) {
    this.#project = project;
    this.#changed = changed;
    byId("sure").append(element("div.sure-line", {}, this.#words, this.#input), this.#cost);
  }

  get threshold() {
    return Number(this.#input.value) / 100;
  }

  show() {
    const { answers, points, n_pictures, tray } = this.#project;
    byId("sure").hidden = !this.#project.ready;
    const words = this.threshold ? say("sure_at_least", { probability: percent(this.threshold) }) : say("sure_any");
    setText(this.#words, words);
    this.#input.setAttribute("aria-valuetext", words);
    const given = tray.map((picture) => answers[picture]).filter(Boolean);
    const parts = [say("sure_kept", { n: countSure(given, this.threshold), of: given.length })];
    const cost = countsAt(points, this.threshold, n_pictures);
    parts.push(cost ? say("sure_cost", { n: n_pictures, ...cost }) : say("sure_unknown"));
    setText(this.#cost, parts.join(" "));
  }

  #set() {
    this.#changed(this.threshold);
    this.show();
  }
}
