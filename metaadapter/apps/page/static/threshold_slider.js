/** The slider for the threshold on the probability of answers, and the cost of the threshold. */
import { countPassing, countsAt } from "./costs.js";
import { byId, element, setText } from "./element.js";
import { percent, say } from "./words.js";

export class ThresholdSlider {
  #project;
  #onChange;
  #input = element("input", {
    type: "range",
    id: "threshold-slider",
    min: 0,
    max: 99,
    step: 1,
    value: 0,
    oninput: () => this.#set(),
    "aria-describedby": "threshold-cost",
  });
  #label = element("label", { htmlFor: "threshold-slider" });
  #cost = element("p.muted", { id: "threshold-cost" });

  /** @param {function(number)} onChange - called with the new threshold. */
  constructor(project, onChange) {
    this.#project = project;
    this.#onChange = onChange;
    byId("threshold").append(element("div.threshold-line", {}, this.#label, this.#input), this.#cost);
  }

  get threshold() {
    return Number(this.#input.value) / 100;
  }

  show() {
    const { answers, points, n_pictures, tray } = this.#project;
    byId("threshold").hidden = !this.#project.ready;
    const text = this.threshold
      ? say("threshold_at_least", { probability: percent(this.threshold) })
      : say("threshold_none");
    setText(this.#label, text);
    this.#input.setAttribute("aria-valuetext", text);
    const shown = tray.map((picture) => answers[picture]).filter(Boolean);
    const parts = [say("threshold_kept", { n: countPassing(shown, this.threshold), of: shown.length })];
    const cost = countsAt(points, this.threshold, n_pictures);
    parts.push(cost ? say("threshold_cost", { n: n_pictures, ...cost }) : say("threshold_unknown"));
    setText(this.#cost, parts.join(" "));
  }

  #set() {
    this.#onChange(this.threshold);
    this.show();
  }
}
