/** The dialog of what was done in the project, by whom and when, and of the person's own name. */
import { showDialog } from "./dialog.js";
import { html } from "./html.js";
import { showError } from "./messages.js";
import { server } from "./server.js";
import { author, keep } from "./storage.js";
import { language, say, sayOf } from "./words.js";

const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

export async function showHistory() {
  const { steps } = await server.history().catch((error) => {
    showError(error.message, "request");
    return { steps: [] };
  });
  const item = (step) => html`
    <li><p>${doneBy(step)}</p><p class="muted">${step.at && time.format(new Date(step.at))}</p></li>`;
  const keepName = ({ target }) => keep("name", target.value.trim());
  showDialog(() => say("history_title"), () => html`
    <label for="own-name">${say("own_name")}</label>
    <div class="line">
      <input id="own-name" maxlength="40" autocomplete="nickname" initial=${author()} onchange=${keepName}>
    </div>
    <p class="muted">${say("own_name_words")}</p>
    ${steps.length ? html`<ol class="things history">${steps.map(item)}</ol>` : html`<p>${say("history_empty")}</p>`}`);
}

/** What a step did, as part of a sentence. */
export function doneBy(step) {
  const edit = sayOf(step, step.edit);
  const done = step.what === "edit" ? edit : say(`done_${step.what}`, { edit });
  return step.by ? say("done_by", { by: step.by, done }) : done;
}
