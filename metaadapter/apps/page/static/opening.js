/** What stands in the place of the project while it is opened, or if that fails: the reason, and what can be done. */
import { byId, setText } from "./element.js";
import { showError } from "./messages.js";
import { showProjects } from "./project_dialog.js";
import { server } from "./server.js";
import { say } from "./words.js";

let repairs = false;

export function listenToOpening(project) {
  byId("opening-again").addEventListener("click", () => project.change(() => server.openAgain(repairs)));
  byId("opening-other").addEventListener("click", () => showProjects(project, ({ message }) => showError(message)));
}

/** @param project - a Project. @param {Refusal} error - of the kind "opening" or "not-opened". */
export function showOpening(project, { kind, message, values }) {
  const isOver = kind === "not-opened";
  repairs = Boolean(values.repairs);
  byId("opening").hidden = !isOver && project.revision >= 0; // the page keeps what it shows
  byId("opening").classList.toggle("over", isOver);
  setText(byId("opening-title"), isOver ? say("not_opened") : "metaadapter");
  setText(byId("opening-text"), message);
  byId("opening-choices").hidden = !isOver;
  byId("opening-repair").hidden = !repairs;
  setText(byId("opening-again"), say(repairs ? "repair" : "try_again"));
}
