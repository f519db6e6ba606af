/** Takes pictures in: from a drop, a paste, a file dialog or the camera, into a class or the tray. */
import { showDialog } from "./dialog.js";
import { chooseFiles, filesOf, isZip } from "./dropped_files.js";
import { element } from "./element.js";
import { server } from "./interface.js";
import { note, refuse } from "./messages.js";
import { Sending } from "./sending.js";
import { say } from "./words.js";

const OWN_PICTURES = "application/x-metaadapter-pictures";

export class TakingIn {
  #project;
  #work;

  /** @param project - a Project; @param work - a WorkLine, which shows how far it is. */
  constructor(project, work) {
    this.#project = project;
    this.#work = work;
    document.addEventListener("dragover", (event) => this.#over(event));
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) mark(null);
    });
    document.addEventListener("drop", (event) => this.#drop(event));
    document.addEventListener("paste", (event) => this.#paste(event));
  }

  /** Asks for files, or for a folder, and takes them in. */
  async choose(target, options) {
    await this.take(await chooseFiles(options), target);
  }

  /**
   * @param {{files: {file: File, path: string}[], folders: string[]}} given
   * @param {?string} target - id of a class, "" for the tray, "folders", or null to ask where
   *   folders are among them.
   */
  async take({ files, folders }, target) {
    if (!files.length) return;
    if (target === "folders" && !folders.length && !files.some(isZip)) target = "";
    const asks = target === null || (target === "" && folders.length > 1);
    const place = asks ? await this.#whereTo(files, folders) : target;
    if (place === null) return;
    const sending = new Sending(files);
    const sent = await sending.send(
      (portion, signal) => this.#project.change(() => server.addPictures(portion, place, signal)),
      () => this.#work.sending(sending),
    );
    this.#work.sending(null);
    report(sent, sending.unfit);
  }

  async #whereTo(files, folders) {
    const zip = files.some(isZip);
    if (!folders.length && !zip) return "";
    return new Promise((resolve) => {
      let place = null;
      const answer = (value) => () => {
        place = value;
        dialog.close();
      };
      const names = folders.length ? folders.slice(0, 8).join(", ") : files.find(isZip).path;
      const dialog = showDialog(
        say("folders_title"),
        element("p", {}, say("folders_question", { names: folders.length > 8 ? `${names}, …` : names })),
        element(
          "div.choices",
          {},
          element("button.primary", { type: "button", onclick: answer("folders") }, say("folders_yes")),
          element("button", { type: "button", onclick: answer("") }, say("folders_no")),
        ),
      );
      dialog.addEventListener("close", () => resolve(place));
    });
  }

  #over(event) {
    event.preventDefault();
    mark(event.target.closest?.("[data-drop]"));
  }

  async #drop(event) {
    event.preventDefault();
    mark(null);
    const place = event.target.closest?.("[data-drop]")?.dataset.drop ?? null;
    const own = event.dataTransfer.getData(OWN_PICTURES);
    if (!own) return this.take(await filesOf(event.dataTransfer), place);
    if (place === null || place === "folders") return undefined;
    const pictures = JSON.parse(own);
    return this.#project.label(Object.fromEntries(pictures.map((one) => [one, place || null])));
  }

  async #paste(event) {
    const given = await filesOf(event.clipboardData);
    if (given.files.length) await this.take(given, event.target.closest?.("[data-drop]")?.dataset.drop ?? null);
  }
}

/** Lets pictures of the page be dragged to a class. */
export function carry(event, pictures) {
  event.dataTransfer.setData(OWN_PICTURES, JSON.stringify(pictures));
  event.dataTransfer.effectAllowed = "move";
}

function mark(place) {
  for (const node of document.querySelectorAll(".dropping")) node.classList.remove("dropping");
  place?.classList.add("dropping");
}

function report({ added, known_already, refused, whole }, unfit) {
  const parts = [say(whole ? "added" : "added_in_part", { n: added.length })];
  if (known_already.length) parts.push(say("known_already", { n: known_already.length }));
  note(parts.join(" "));
  const lines = [
    ...refused.map(({ name, reason }) => `${name}: ${reason}`),
    ...unfit.map(({ path }) => `${path}: ${say("no_picture")}`),
  ];
  if (lines.length) refuse(say("not_added", { n: lines.length }), shortened(lines));
}

function shortened(lines) {
  const shown = lines.slice(0, 10);
  return lines.length > 10 ? [...shown, say("and_more", { n: lines.length - 10 })] : shown;
}
