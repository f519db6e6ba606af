/** Adds pictures from a drop, a paste, a file dialog or the camera to a class or the tray. */
import { showDialog } from "./dialog.js";
import { chooseFiles, filesOf, isDetections, isZip } from "./dropped_files.js";
import { element } from "./element.js";
import { note, showError } from "./messages.js";
import { NONE } from "./none.js";
import { server } from "./server.js";
import { withClass } from "./several.js";
import { Upload } from "./upload.js";
import { reason, say } from "./words.js";

const DRAGGED_PICTURES = "application/x-metaadapter-pictures";
const MAX_FOLDERS = 8; // in the question
const MAX_LINES = 10; // of a report

export class Uploads {
  #project;
  #work;
  #adding = new Set(); // uploads of pictures in progress

  /** @param project - a Project; @param work - a WorkBar, which shows the progress. */
  constructor(project, work) {
    this.#project = project;
    this.#work = work;
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      mark(event.target.closest?.("[data-drop]"));
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) mark(null);
    });
    document.addEventListener("drop", (event) => this.#drop(event));
    document.addEventListener("paste", (event) => this.#paste(event));
  }

  /** Opens a dialog for files or for a folder, and adds them. */
  async choose(target, options) {
    await this.add(await chooseFiles(options), target);
  }

  /**
   * @param {{files: {file: File, path: string}[], folders: string[]}} chosen
   * @param {?string} target - id of a class, "" for the tray, "folders" to make a class of each
   *   folder, or null to ask if there are folders.
   */
  async add({ files, folders }, target) {
    const detections = files.filter(isDetections).map(({ file }) => file);
    files = files.filter((file) => !isDetections(file));
    if (detections.length) this.#work.showNext(detections.map(({ name }) => name));
    const isLeft = files.length > 0 && !(await this.#addPictures(files, folders, target, detections.length > 0));
    if (!detections.length) return;
    await Promise.all(this.#adding); // a name means one picture only among all pictures
    this.#work.showNext([]);
    if (!isLeft) for (const file of detections) await this.#addDetections(file);
  }

  /** Returns whether pictures were sent: a person may not choose where they go. */
  async #addPictures(files, folders, target, hasBoxes) {
    if (target === "folders" && !folders.length && !files.some(isZip)) target = "";
    const asks = target === null || (target === "" && folders.length > 1);
    if (asks) target = await askForTarget(files, folders);
    if (target === null) return false;
    const { place } = this.#project;
    const joins = this.#project.waiting_boxes.length > 0;
    const waits = hasBoxes || joins; // frames are read only by their boxes
    const upload = new Upload(files);
    const sent = upload.run(
      (portion, signal) => this.#project.upload(() => server.addPictures(portion, target, signal, place, waits), signal),
      () => this.#work.showUpload(upload),
    );
    this.#adding.add(sent);
    const result = await sent;
    this.#adding.delete(sent);
    this.#work.showUpload(null);
    report(result, upload.unsuitable);
    const pictures = [...result.added, ...result.known_already];
    if (joins) reportBoxes(await this.#project.upload(() => server.joinDetections(pictures, place)));
    return true;
  }

  /** Gives the pictures the boxes in a detector's file. */
  async #addDetections(file) {
    const { place } = this.#project;
    note(say("boxes_reading", { name: file.name }));
    reportBoxes(await this.#project.upload(() => server.addDetections(file, place)));
  }

  async #drop(event) {
    event.preventDefault();
    mark(null);
    const target = targetOf(event);
    const dragged = event.dataTransfer.getData(DRAGGED_PICTURES);
    if (!dragged) return this.add(await filesOf(event.dataTransfer), target);
    if (target === null || target === "folders") return undefined;
    const { pictures, from } = JSON.parse(dragged);
    if (target === from) return undefined;
    const adds = this.#project.several && target && target !== NONE;
    return this.#project.label(
      adds ? withClass(this.#project, pictures, target) : Object.fromEntries(pictures.map((picture) => [picture, target || null])),
    );
  }

  async #paste(event) {
    const pasted = await filesOf(event.clipboardData);
    if (pasted.files.length) await this.add(pasted, targetOf(event));
  }
}

/** Lets pictures of the page be dragged to a class; dropped where they came from, they stay as they are. */
export function drag(event, pictures) {
  event.dataTransfer.setData(DRAGGED_PICTURES, JSON.stringify({ pictures, from: targetOf(event) }));
  event.dataTransfer.effectAllowed = "move";
}

const targetOf = (event) => event.target.closest?.("[data-drop]")?.dataset.drop ?? null;

function mark(node) {
  for (const marked of document.querySelectorAll(".dropping")) marked.classList.remove("dropping");
  node?.classList.add("dropping");
}

async function askForTarget(files, folders) {
  const zip = files.find(isZip);
  if (!folders.length && !zip) return "";
  const names = folders.length ? folders.slice(0, MAX_FOLDERS).join(", ") : zip.path;
  return new Promise((resolve) => {
    let target = null;
    const choice = (tag, key, value) => {
      const onclick = () => {
        target = value;
        dialog.close();
      };
      return element(tag, { type: "button", onclick }, say(key));
    };
    const dialog = showDialog(
      say("folders_title"),
      element("p", {}, say("folders_question", { names: folders.length > MAX_FOLDERS ? `${names}, …` : names })),
      element(
        "div.choices",
        {},
        choice("button.primary", "folders_yes", "folders"),
        choice("button", "folders_no", ""),
      ),
    );
    dialog.addEventListener("close", () => resolve(target));
  });
}

function report({ added, known_already, refused, complete }, unsuitable) {
  const parts = [say(complete ? "added" : "added_in_part", { n: added.length })];
  if (known_already.length) parts.push(say("known_already", { n: known_already.length }));
  note(parts.join(" "));
  const lines = [
    ...refused.map((file) => `${file.name}: ${reason(file.reason)}`),
    ...unsuitable.map(({ path }) => `${path}: ${say("no_picture")}`),
  ];
  showLines(say("not_added", { n: lines.length }), lines);
}

/** Says how many boxes were added; lines above the tray tell of those that wait. */
function reportBoxes(added) {
  if (!added) return;
  const { frames, boxes, others, empty, known_already, refused } = added;
  const parts = frames ? [say("boxes_added", { n: boxes, frames: say("n_frames", { n: frames }) })] : [];
  if (others) parts.push(say("boxes_others", { n: others }));
  if (empty) parts.push(say("boxes_empty", { n: empty }));
  if (known_already) parts.push(say("boxes_kept", { n: known_already }));
  if (parts.length) note(parts.join(" "));
  showLines(say("boxes_refused", { n: refused.length }), refused.map((one) => `${one.name}: ${reason(one.reason)}`));
}

/** Shows an error with the first lines, if there are any. */
function showLines(sentence, lines) {
  if (!lines.length) return;
  const n_more = lines.length - MAX_LINES;
  const shown = n_more > 0 ? [...lines.slice(0, MAX_LINES), say("and_more", { n: n_more })] : lines;
  showError(sentence, shown);
}
