/** The dialog for camera traps: series, the species that occur, and how often each was seen. */
import { showDialog } from "./dialog.js";
import { html } from "./html.js";
import { readOut } from "./messages.js";
import { project } from "./project.js";
import { server } from "./server.js";
import { count, say } from "./words.js";

const USUAL_SECONDS = 10;

export async function showField() {
  let counts = null;
  let status = { text: "", isWrong: false };
  const view = () => html`
    ${seriesForm(change)}
    ${speciesForm(change)}
    <p class=${status.isWrong && "wrong"} role="status">${status.text}</p>
    <h3>${say("counts_title")}</h3>
    <p class="muted">${say("counts_words")}</p>
    <div class="counts-scroll" tabindex="0" role="region" aria-label=${say("counts_title")}>${counts && tableOf(counts)}</div>`;
  const tell = (text, isWrong = false) => {
    status = { text, isWrong };
    dialog.refresh();
  };
  const loadCounts = async () => {
    try {
      ({ counts } = await server.speciesCounts(project.minimum));
      dialog.refresh();
    } catch (error) {
      tell(error.message, true);
    }
  };
  const change = async (settings, text) => {
    // The dialog shows the refusal itself, beside the field that it belongs to.
    const send = () => server.changeField(settings, project.place).catch((error) => ({ error }));
    const show = () => Object.assign(project.camera_traps, settings);
    const sent = await project.change(send, "burst" in settings ? show : null);
    if (sent?.error) return tell(sent.error.message, true);
    tell(text);
    readOut(text);
    return loadCounts();
  };
  const dialog = showDialog(() => say("field_title"), view);
  await loadCounts();
}

function seriesForm(change) {
  const { burst } = project.camera_traps;
  const send = ({ target: { form } }) => {
    const { series, burst: seconds } = form.elements;
    if (!series.checked) return burst !== null && change({ burst: null }, say("series_off"));
    return seconds.reportValidity() && change({ burst: seconds.valueAsNumber }, say("series_on", { n: seconds.valueAsNumber }));
  };
  return html`
    <form class="field-form" onsubmit=${(event) => event.preventDefault()} onchange=${send}>
      <div class="line series-line">
        <input type="checkbox" id="series" checked=${burst !== null}>
        <label for="series">${say("series_label")}</label>
        <input type="number" id="burst" min="1" max="86400" step="any" required initial=${burst ?? USUAL_SECONDS}>
        <label for="burst">${say("series_seconds")}</label>
      </div>
      <p class="muted">${say("series_words")}</p>
    </form>`;
}

function speciesForm(change) {
  const { camera_traps, classes } = project;
  const names = (camera_traps.allowed ?? []).map((id) => project.className(id)).filter(Boolean);
  const onsubmit = (event) => {
    event.preventDefault();
    const given = event.target.elements.allowed.value.split(",").map((name) => name.trim()).filter(Boolean);
    const n = given.length;
    return change({ allowed: n ? given : null }, n ? say("allowed_some", { n }) : say("allowed_all"));
  };
  return html`
    <form class="field-form" autocomplete="off" onsubmit=${onsubmit}>
      <label for="allowed">${say("allowed_label")}</label>
      <div class="line">
        <input id="allowed" initial=${names.join(", ")} placeholder=${classes.slice(0, 3).map(({ name }) => name).join(", ")}>
        <button type="submit">${say("allowed_set")}</button>
      </div>
      <p class="muted">${say("allowed_words")}</p>
    </form>`;
}

const tableOf = (counts) => html`
  <table class="counts-table">
    <thead>
      <tr>
        ${["counts_species", "camera", "counts_individuals", "counts_pictures"].map((key) => html`<th>${say(key)}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${counts.map(({ label, camera, individuals, pictures }) => html`
        <tr><td>${label}</td><td>${camera}</td><td>${count(individuals)}</td><td>${count(pictures)}</td></tr>`)}
    </tbody>
  </table>`;
