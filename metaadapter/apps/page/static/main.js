/** Builds the page: the project, the parts that show it, and the keys that work everywhere. */
import { showAdvice } from "./advice.js";
import { openCamera } from "./camera.js";
import { addClasses } from "./class_names.js";
import { listenInClasses, showClasses, showRefusedName } from "./classes.js";
import { keepFocus } from "./dialog.js";
import { showDownloads } from "./download_dialog.js";
import { byId, options, render } from "./html.js";
import { doneBy, showHistory } from "./history_dialog.js";
import { showKeys } from "./keys_dialog.js";
import { showLines } from "./lines.js";
import { clearErrors, note, showError } from "./messages.js";
import { isOwn } from "./outbox.js";
import { project } from "./project.js";
import { severalBox, showProjects } from "./project_dialog.js";
import { showSelection } from "./selection_bar.js";
import { server } from "./server.js";
import { author, viewOf } from "./storage.js";
import { setThreshold, showThreshold } from "./threshold.js";
import { tray } from "./tray.js";
import { listenInTray } from "./tray_input.js";
import { chooseFiles, listenToDrops } from "./uploads.js";
import { showWork } from "./work_bar.js";
import { choose, count, fillIn, language, languages, say, sayOf } from "./words.js";

let wasUnreachable = false;
let folder = ""; // of the project whose view is restored
let repairs = false; // whether opening the project again repairs it

fillIn(document);
render(byId("language"), options(Object.entries(languages)));
byId("language").value = language;
listenInClasses();
listenInTray();
listenToDrops();

project.addEventListener("change", () => {
  if (project.revision < 0) return; // nothing is known yet
  if (wasUnreachable && project.reachable) clearErrors("away");
  if (!project.holdsUnsent) clearErrors("leaving");
  wasUnreachable = !project.reachable;
  if (project.name && project.folder !== folder) restoreView();
  if (project.reachable) byId("opening").hidden = true;
  showFrame(); // first, because hidden parts have no size
  showWork();
  showClasses();
  tray.show();
  showLines();
  showSelection();
  showThreshold();
  showAdvice();
  keepFocus();
});
project.addEventListener("edit", () => clearErrors("edit"));
project.addEventListener("refused", ({ error, edit }) => {
  byId("opening").hidden = true;
  if (!showRefusedName(error, edit)) showError(error.message, error.isAway ? "away" : "edit");
});
project.addEventListener("opening", ({ error }) => showOpening(error));
project.addEventListener("late", ({ n }) => note(say("sent_late", { n })));
project.addEventListener("overruled", ({ pictures }) => tellWho(pictures));
addEventListener("beforeunload", (event) => {
  if (!project.holdsUnsent) return;
  event.preventDefault(); // the browser asks whether to leave, in words of its own
  const n = project.n_unsent;
  showError(n ? say("leaving_with_changes", { n }) : say("leaving_with_uploads"), "leaving");
});

for (const [id, action] of Object.entries({
  "add-camera": () => openCamera(""),
  "add-pictures": () => chooseFiles(""),
  "add-tray-folder": () => chooseFiles("", { folder: true }),
  "choose-folders": () => chooseFiles("folders", { folder: true }),
  download: showDownloads,
  history: showHistory,
  keys: showKeys,
  "opening-again": () => project.change(() => server.openAgain(repairs)),
  "opening-other": showProjects,
  project: showProjects,
  redo: () => step("redo"),
  "select-all": () => tray.selectAll(),
  undo: () => step("undo"),
}))
  byId(id).addEventListener("click", action);
byId("language").addEventListener("change", ({ target }) => choose(target.value));
byId("first-classes").addEventListener("submit", async (event) => {
  event.preventDefault();
  const names = [byId("first-class-1"), byId("first-class-2")].map(({ value }) => value.trim());
  if (names.every(Boolean) && (await addClasses(names))) byId("classes-title").focus();
});
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.target.matches("input, textarea, select")) return;
  const key = event.key.toLowerCase();
  if (key !== "z" && key !== "y") return;
  event.preventDefault();
  step(key === "y" || event.shiftKey ? "redo" : "undo");
});

/** Restores the order and the minimum that this browser used for the project. */
function restoreView() {
  ({ folder } = project);
  const { order, threshold } = viewOf(folder);
  if (order) tray.sortBy(order);
  if (threshold) setThreshold(threshold);
}

async function step(direction) {
  const result = await project.step(direction);
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
  const other = steps.find((one) => !isOwn(one));
  const by = other?.by || say("somebody");
  showError(say("overruled", { n: pictures.length, by, done: other ? doneBy({ ...other, by: "" }) : "" }), "overruled");
}

/** What stands in the place of the project while it is opened, or if that fails: the reason, and what can be done. */
function showOpening({ kind, message, values }) {
  const isOver = kind === "not-opened";
  repairs = Boolean(values.repairs);
  byId("opening").hidden = !isOver && project.revision >= 0; // the page keeps what it shows
  byId("opening").classList.toggle("over", isOver);
  render(byId("opening-title"), isOver ? say("not_opened") : "metaadapter");
  render(byId("opening-text"), message);
  byId("opening-choices").hidden = !isOver;
  byId("opening-repair").hidden = !repairs;
  render(byId("opening-again"), say(repairs ? "repair" : "try_again"));
}

function showFrame() {
  const { camera_traps, classes, encoder, labels, n_unsent, name, tray: pictures } = project;
  const size = pictures.length + labels.size;
  const isNew = !classes.length && !size;
  document.body.dataset.state = isNew ? "welcome" : "sorting";
  document.body.classList.toggle("no-pictures", !pictures.length);
  byId("welcome").hidden = !isNew;
  if (isNew) render(byId("welcome-several"), severalBox());
  byId("classes").hidden = isNew;
  byId("sorting").hidden = isNew;
  render(byId("project"), name);
  byId("project").setAttribute("aria-label", say("project_label", { name }));
  const isWaiting = !project.reachable && n_unsent > 0;
  byId("saved").classList.toggle("wrong", isWaiting);
  render(byId("saved"), isWaiting ? say("not_saved", { n: n_unsent }) : say(project.allSaved ? "saved" : "saving"));
  byId("undo").disabled = !project.can_undo;
  byId("redo").disabled = !project.can_redo;
  byId("download").disabled = !project.ready && !camera_traps.n_frames;
  render(byId("tray-count"), count(pictures.length));
  byId("tray-tools").hidden = !size;
  byId("tray").hidden = !size;
  render(byId("footer"), say("footer", { encoder, folder: project.folder }));
}

project.follow();
