/** Builds the page: the project, the parts that show it, and the keys that work everywhere. */
import { AdviceList } from "./advice_list.js";
import { author } from "./author.js";
import { Camera } from "./camera.js";
import { ClassList } from "./class_list.js";
import { showDownloads } from "./download_dialog.js";
import { edits } from "./edits.js";
import { byId, element, setText } from "./element.js";
import { keepFocus } from "./focus_guard.js";
import { FramesLine } from "./frames_line.js";
import { LeftElsewhere } from "./left_elsewhere.js";
import { clearErrors, note, showError } from "./messages.js";
import { doneBy, showHistory } from "./history_dialog.js";
import { nextStep } from "./next_step.js";
import { NoneRow } from "./none_row.js";
import { listenToOpening, showOpening } from "./opening.js";
import { isOwn } from "./outbox.js";
import { Project } from "./project.js";
import { showProjects } from "./project_dialog.js";
import { SelectionBar } from "./selection_bar.js";
import { server } from "./server.js";
import { ThresholdSlider } from "./threshold_slider.js";
import { Tray } from "./tray.js";
import { Uploads } from "./uploads.js";
import { readSettings, settings } from "./view_settings.js";
import { WaitingBoxes } from "./waiting_boxes.js";
import { showWelcome } from "./welcome.js";
import { WorkBar } from "./work_bar.js";
import { choose, count, fillIn, language, languages, say, sayOf } from "./words.js";

fillIn(document);
const project = new Project();
const work = new WorkBar(project);
const uploads = new Uploads(project, work);
const camera = new Camera(project, uploads);
const tray = new Tray(project);
const slider = new ThresholdSlider(project, (threshold) => {
  tray.threshold = threshold;
  tray.show();
});
const parts = [
  { show: showFrame }, // shown first, because hidden parts have no size
  work,
  new ClassList(project, { uploads, camera }),
  tray,
  new FramesLine(project, () => slider.threshold),
  new WaitingBoxes(project),
  new LeftElsewhere(project),
  new SelectionBar(project, tray),
  slider,
  new NoneRow(project),
  new AdviceList(project),
  { show: keepFocus },
];
showWelcome(project, uploads);

let wasUnreachable = false;
project.addEventListener("change", () => {
  if (project.revision < 0) return; // nothing is known yet
  if (wasUnreachable && project.reachable) clearErrors();
  wasUnreachable = !project.reachable;
  if (project.name && readSettings(project.folder)) restoreView();
  if (project.reachable) byId("opening").hidden = true;
  for (const part of parts) part.show();
});
project.addEventListener("refused", ({ error }) => {
  byId("opening").hidden = true;
  if (error.isAway) clearErrors(); // an earlier reason why the server is away holds no longer
  showError(error.message);
});
listenToOpening(project);
project.addEventListener("opening", ({ error }) => showOpening(project, error));
project.addEventListener("late", ({ n }) => note(say("sent_late", { n })));
project.addEventListener("overruled", ({ pictures }) => tellWho(pictures));
addEventListener("beforeunload", (event) => {
  if (!project.holdsUnsent) return;
  event.preventDefault(); // the browser asks whether to leave, in words of its own
  const n = project.n_unsent;
  showError(n ? say("leaving_with_changes", { n }) : say("leaving_with_uploads"));
});

/** Restores the order and the minimum that this browser used for the project. */
function restoreView() {
  if (settings.order) tray.sortBy(settings.order);
  if (settings.threshold) slider.threshold = settings.threshold;
}

byId("language").append(
  ...Object.entries(languages).map(([code, name]) => element("option", { value: code, lang: code }, name)),
);
byId("language").value = language;
byId("language").addEventListener("change", ({ target }) => choose(target.value));
byId("add-pictures").addEventListener("click", () => uploads.choose(""));
byId("add-tray-folder").addEventListener("click", () => uploads.choose("", { folder: true }));
byId("download").addEventListener("click", () => showDownloads(project, slider.threshold));
byId("project").addEventListener("click", () => showProjects(project, ({ message }) => showError(message)));
byId("history").addEventListener("click", () => showHistory(showError));
byId("undo").addEventListener("click", () => step("undo"));
byId("redo").addEventListener("click", () => step("redo"));
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.target.matches("input, textarea, select")) return;
  const key = event.key.toLowerCase();
  if (key !== "z" && key !== "y") return;
  event.preventDefault();
  step(key === "y" || event.shiftKey ? "redo" : "undo");
});

async function step(direction) {
  const result = await project.change(edits[direction]());
  if (!result) return;
  if (result.edit) {
    const edit = sayOf(result, result.edit);
    note(say(`done_${direction}`, { edit: result.by && result.by !== author() ? `${result.by}: ${edit}` : edit }));
  }
  tray.showAgain(result.pictures);
}

/** Says who has sorted pictures differently that this tab had sorted. */
async function tellWho(pictures) {
  const { steps } = await server.history().catch(() => ({ steps: [] }));
  const step = steps.find((one) => !isOwn(one));
  const by = step?.by || say("somebody");
  showError(say("overruled", { n: pictures.length, by, done: step ? doneBy({ ...step, by: "" }) : "" }));
}

function showFrame() {
  const { classes, tray: pictures, answers } = project;
  const isNew = !classes.length && !project.size && !project.waiting_boxes.length;
  const { size } = project;
  document.body.dataset.state = isNew ? "welcome" : "sorting";
  document.body.classList.toggle("no-pictures", !pictures.length);
  document.title = project.name ? `${project.name} – metaadapter` : "metaadapter";
  byId("welcome").hidden = !isNew;
  byId("classes").hidden = isNew;
  byId("sorting").hidden = isNew;
  setText(byId("project"), project.name);
  byId("project").setAttribute("aria-label", say("project_label", { name: project.name }));
  const isWaiting = !project.reachable && project.n_unsent > 0;
  byId("saved").classList.toggle("wrong", isWaiting);
  const saved = project.allSaved ? say("saved") : say("saving");
  setText(byId("saved"), isWaiting ? say("not_saved", { n: project.n_unsent }) : saved);
  byId("undo").disabled = !project.can_undo;
  byId("redo").disabled = !project.can_redo;
  byId("download").disabled = !project.ready && !project.camera_traps.n_frames;
  const { key, ...values } = nextStep(project, pictures.some((picture) => answers[picture]));
  setText(byId("next-step"), say(key, values));
  byId("elsewhere").hidden = !project.elsewhere || !pictures.length;
  setText(byId("elsewhere"), byId("elsewhere").hidden ? "" : say("elsewhere"));
  setText(byId("tray-count"), count(pictures.length));
  byId("tray-tools").hidden = !size;
  byId("tray").hidden = !size;
  byId("tray-keys").hidden = !pictures.length;
  setText(byId("tray-keys"), say(project.several ? "tray_keys_several" : "tray_keys"));
  setText(byId("footer"), say("footer", { encoder: project.encoder, folder: project.folder }));
}

project.follow();
