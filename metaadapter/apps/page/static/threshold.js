/** The slider for the minimum probability of answers, and the cost of that minimum. */
import { costAt, counts } from "./answers.js";
import { byId, html, render } from "./html.js";
import { project } from "./project.js";
import { keepView } from "./storage.js";
import { tray } from "./tray.js";
import { percent, say } from "./words.js";

/** Sets the minimum, and keeps it in this browser. */
export function setThreshold(threshold) {
  project.threshold = threshold;
  keepView(project.folder, { threshold });
  tray.show();
  showThreshold();
}

export function showThreshold() {
  const { answers, labels, left_out, threshold, tray: pictures } = project;
  byId("threshold").hidden = !project.ready || project.several;
  byId("threshold-cost").hidden = byId("threshold").hidden || !threshold || !pictures.length;
  const text = threshold ? say("threshold_at_least", { probability: percent(threshold) }) : say("threshold_none");
  const oninput = ({ target }) => setThreshold(target.value / 100);
  render(byId("threshold"), html`
    <label for="threshold-slider">${text}</label>
    <input type="range" id="threshold-slider" max="99" value=${Math.round(100 * threshold)} oninput=${oninput}
      aria-describedby="threshold-cost" aria-valuetext=${text}>`);
  const shown = pictures.map((picture) => answers[picture]).filter(Boolean);
  const n = shown.filter((answer) => counts(answer, threshold)).length;
  const cost = costAt(left_out, labels, threshold);
  const words = cost ? say("threshold_cost", cost) : say("threshold_unknown");
  render(byId("threshold-cost"), `${say("threshold_kept", { n, of: shown.length })} ${words}`);
}
