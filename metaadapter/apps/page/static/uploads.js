/** Adds pictures from a drop, a paste, a file dialog or the camera to a class or the tray. */
import { withClass } from "./answers.js";
import { choiceOf, showDialog } from "./dialog.js";
import { askForFiles, filesOf, isDetections } from "./dropped_files.js";
import { button, html } from "./html.js";
import { clearErrors, note, showError } from "./messages.js";
import { NONE, sameLabel } from "./piles.js";
import { project } from "./project.js";
import { server } from "./server.js";
import { Upload } from "./upload.js";
import { showNext, showUpload } from "./work_bar.js";
import { reason, say } from "./words.js";

const DRAGGED_PICTURES = "application/x-metaadapter-pictures";
const MAX_FOLDERS = 8; // in the question

const adding = new Set(); // uploads of pictures in progress

/** Opens a dialog for files or for a folder, and adds them; see `addFiles`. */
export const chooseFiles = async (target, options) => addFiles(await askForFiles(options), target);

/**
 * @param {{files: {file: File, path: string}[], folders: string[]}} chosen
 * @param {?string} target - id of a class, "" for the tray, "folders" to make a class of each
 *   folder, or null to ask if there are folders.
 */
export async function addFiles({ files, folders }, target) {
  const detections = files.filter(isDetections).map(({ file }) => file);
  const pictures = files.filter((file) => !isDetections(file));
  if (detections.length) showNext(detections.map(({ name }) => name));
  const isLeft = pictures.length > 0 && !(await addPictures(pictures, folders, target));
  if (!detections.length) return;
  await Promise.all(adding); // a name means one picture only among all pictures
  showNext([]);
  const { place } = project;
  for (const file of isLeft ? [] : detections) {
    note(say("boxes_reading", { name: file.name }));
    reportBoxes(await project.upload(() => server.addDetections(file, place)));
  }
}

/** Returns whether pictures were sent: a person may not choose where they go. */
async function addPictures(files, folders, target) {
  if (target === "folders" && !folders.length) target = "";
  if (target === null || (target === "" && folders.length > 1)) target = await askForTarget(folders);
  if (target === null) return false;
  const { place } = project;
  clearErrors("upload", "files");
  const upload = new Upload(files);
  const sent = upload.run(
    (portion, of) => project.upload(() => server.addPictures(portion, target, place, of), of.signal),
    () => showUpload(upload),
  );
  adding.add(sent);
  const { added, known_already, refused, failure } = await sent;
  adding.delete(sent);
  showUpload(null);
  const lines = [...reasonsOf(refused), ...upload.unsuitable.map(({ path }) => `${path}: ${say("no_picture")}`)];
  const known = known_already.length ? say("known_already", { n: known_already.length }) : "";
  const text = `${say(failure ? "added_in_part" : "added", { n: new Set(added).size })} ${known}`.trim();
  if (failure?.kind === "drop-undone") note(failure.message);
  else if (failure?.kind) showError(`${text} ${failure.message}`, "upload");
  else if (added.length || known || !lines.length) note(text);
  if (lines.length) showError(say("not_added", { n: lines.length }), "files", lines);
  return true;
}

/** Asks whether folders become classes; returns the target, null without an answer. */
async function askForTarget(folders) {
  if (!folders.length) return "";
  const names = [...folders.slice(0, MAX_FOLDERS), ...(folders.length > MAX_FOLDERS ? ["…"] : [])].join(", ");
  const dialog = showDialog(() => say("folders_title"), () => html`
    <p>${say("folders_question", { names })}</p>
    <div class="choices">
      ${button("folders_yes", () => dialog.close("folders"), { class: "primary" })}
      ${button("folders_no", () => dialog.close("tray"))}
    </div>`);
  return { folders: "folders", tray: "" }[await choiceOf(dialog)] ?? null;
}

/** Says how many boxes were added, and of how many frames the pictures are missing. */
function reportBoxes(added) {
  clearErrors("boxes", "frames");
  if (added.failure) return showError(added.failure.message, "boxes");
  const { frames, boxes, others, empty, known_already, missing, example, refused } = added;
  const parts = [
    frames && say("boxes_added", { n: boxes, frames: say("n_frames", { n: frames }) }),
    others && say("boxes_others", { n: others }),
    empty && say("boxes_empty", { n: empty }),
    known_already && say("boxes_kept", { n: known_already }),
  ].filter(Boolean);
  if (parts.length) note(parts.join(" "));
  if (missing) showError(say("boxes_missing", { n: missing, example }), "frames");
  if (refused.length) showError(say("boxes_refused", { n: refused.length }), "boxes", reasonsOf(refused));
}

const reasonsOf = (refused) => refused.map((file) => `${file.name}: ${reason(file.reason)}`);

/** Lets pictures of the page be dragged to a class; dropped where they came from, they stay as they are. */
export function drag(event, pictures) {
  event.dataTransfer.setData(DRAGGED_PICTURES, JSON.stringify({ pictures, from: targetOf(event) }));
  event.dataTransfer.effectAllowed = "move";
}

/** Listens to drops and pastes. */
export function listenToDrops() {
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    mark(event.target.closest?.("[data-drop]"));
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) mark(null);
  });
  document.addEventListener("drop", drop);
  document.addEventListener("paste", async (event) => {
    const pasted = await filesOf(event.clipboardData);
    if (pasted.files.length) await addFiles(pasted, targetOf(event));
  });
}

async function drop(event) {
  event.preventDefault();
  mark(null);
  const target = targetOf(event);
  const dragged = event.dataTransfer.getData(DRAGGED_PICTURES);
  if (!dragged) return addFiles(await filesOf(event.dataTransfer), target);
  const { pictures, from } = JSON.parse(dragged);
  if (target === null || target === "folders" || target === from) return undefined;
  const adds = project.several && target && target !== NONE;
  return project.label(adds ? withClass(pictures, target) : sameLabel(pictures, target || null));
}

const targetOf = (event) => event.target.closest?.("[data-drop]")?.dataset.drop ?? null;

function mark(node) {
  for (const marked of document.querySelectorAll(".dropping")) marked.classList.remove("dropping");
  node?.classList.add("dropping");
}
