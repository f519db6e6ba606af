/** The dialog for camera traps: series, the species that occur, and how often each was seen. */
import { showDialog } from "./dialog.js";
import { element } from "./element.js";
import { readOut } from "./messages.js";
import { server } from "./server.js";
import { count, say } from "./words.js";

const USUAL_SECONDS = 10;

/** @param project - a Project. @param {number} threshold - answers below it do not count. */
export async function showField(project, threshold) {
  const table = element("div.counts-scroll", { tabIndex: 0, role: "region", "aria-label": say("counts_title") });
  const status = element("p", { role: "status" });
  const fail = (error) => {
    status.classList.add("wrong");
    status.textContent = error.message;
  };
  const showCounts = () =>
    server.speciesCounts(threshold).then(({ counts }) => table.replaceChildren(tableOf(counts)), fail);
  const change = async (settings, text) => {
    status.classList.remove("wrong");
    // The dialog shows the refusal itself, beside the field that it belongs to.
    const sent = await project.change(() => server.changeField(settings, project.place).catch((error) => ({ error })));
    if (sent?.error) return fail(sent.error);
    status.textContent = text;
    readOut(text);
    return showCounts();
  };
  showDialog(say("field_title"), seriesForm(project, change), speciesForm(project, change), status, element("h3", {}, say("counts_title")), element("p.muted", {}, say("counts_words")), table);
  await showCounts();
}

function seriesForm(project, change) {
  const { burst } = project.camera_traps;
  const seconds = element("input", { type: "number", id: "burst", min: "1", max: "86400", step: "any", value: burst ?? USUAL_SECONDS });
  const send = () => {
    const value = Number(seconds.value);
    if (!on.checked) return change({ burst: null }, say("series_off"));
    return value > 0 ? change({ burst: value }, say("series_on", { n: value })) : undefined;
  };
  const on = element("input", { type: "checkbox", id: "series", checked: burst !== null, onchange: send });
  seconds.addEventListener("change", () => on.checked && send());
  return element(
    "div.field-form",
    {},
    element("div.line.series-line", {}, on, element("label", { htmlFor: "series" }, say("series_label")), seconds, element("label", { htmlFor: "burst" }, say("series_seconds"))),
    element("p.muted", {}, say("series_words")),
  );
}

function speciesForm(project, change) {
  const { allowed } = project.camera_traps;
  const names = element("input", {
    id: "allowed",
    value: (allowed ?? []).map((id) => project.className(id)).filter(Boolean).join(", "),
    placeholder: project.classes.map(({ name }) => name).slice(0, 3).join(", "),
  });
  const send = (event) => {
    event.preventDefault();
    const list = names.value.split(",").map((name) => name.trim()).filter(Boolean);
    return change({ allowed: list.length ? list : null }, list.length ? say("allowed_some", { n: list.length }) : say("allowed_all"));
  };
  return element(
    "form.field-form",
    { autocomplete: "off", onsubmit: send },
    element("label", { htmlFor: "allowed" }, say("allowed_label")),
    element("div.line", {}, names, element("button", { type: "submit" }, say("allowed_set"))),
    element("p.muted", {}, say("allowed_words")),
  );
}

function tableOf(counts) {
  const row = (tag, cells) => element("tr", {}, ...cells.map((text) => element(tag, {}, text)));
  const heads = ["species", "camera", "individuals", "pictures"].map((key) => say(`counts_${key}`));
  return element(
    "table.counts-table",
    {},
    element("thead", {}, row("th", heads)),
    element("tbody", {}, ...counts.map((one) => row("td", [one.label, one.camera, count(one.individuals), count(one.pictures)]))),
  );
}
