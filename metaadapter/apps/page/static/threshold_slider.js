/** The slider for the minimum probability of answers, and the cost of that minimum. */
import { countPassing, countsAt } from "./costs.js";
import { byId, element, setText } from "./element.js";
import { settings } from "./view_settings.js";
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

  /** @param {function(number)} onChange - called with the new threshold. */
  constructor(project, onChange) {
    this.#project = project;
    this.#onChange = onChange;
    byId("threshold").append(this.#label, this.#input);
  }

  /** The minimum; 0 with several labels, where each class has a threshold of its own. */
  get threshold() {
    return this.#project.several ? 0 : Number(this.#input.value) / 100;
  }

  set threshold(value) {
    this.#input.value = Math.round(100 * value);
    this.#set();
  }

  show() {
    const { answers, points, n_pictures, tray } = this.#project;
    byId("threshold").hidden = !this.#project.ready || this.#project.several;
    byId("threshold-cost").hidden = byId("threshold").hidden || !this.threshold || !tray.length;
    const text = this.threshold
      ? say("threshold_at_least", { probability: percent(this.threshold) })
      : say("threshold_none");
    setText(this.#label, text);
    this.#input.setAttribute("aria-valuetext", text);
    const shown = tray.map((picture) => answers[picture]).filter(Boolean);
    const parts = [say("threshold_kept", { n: countPassing(shown, this.threshold), of: shown.length })];
    const cost = countsAt(points, this.threshold, n_pictures);
    parts.push(cost ? say("threshold_cost", { n: n_pictures, ...cost }) : say("threshold_unknown"));
    setText(byId("threshold-cost"), parts.join(" "));
  }

  #set() {
    settings.threshold = this.threshold;
    this.#onChange(this.threshold);
    this.show();
  }
}
