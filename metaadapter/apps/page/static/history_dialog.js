/** The dialog of what was done in the project, by whom and when, and of the person's own name. */
import { author, setAuthor } from "./author.js";
import { showDialog } from "./dialog.js";
import { element } from "./element.js";
import { server } from "./server.js";
import { language, say, sayOf } from "./words.js";

const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

/** @param {function(string)} onError - shows an error. */
export async function showHistory(onError) {
  const { steps } = await server.history().catch((error) => {
    onError(error.message);
    return { steps: [] };
  });
  const name = element("input", {
    id: "own-name",
    maxLength: 40,
    value: author(),
    autocomplete: "nickname",
    onchange: () => setAuthor(name.value),
  });
  showDialog(
    say("history_title"),
    element("label", { htmlFor: "own-name" }, say("own_name")),
    element("div.line", {}, name),
    element("p.muted", {}, say("own_name_words")),
    steps.length ? element("ol.things.history", {}, ...steps.map(item)) : element("p", {}, say("history_empty")),
  );
}

/** What a step did, as part of a sentence. */
export function doneBy(step) {
  const edit = sayOf(step, step.edit);
  const done = step.what === "edit" ? edit : say(`done_${step.what}`, { edit });
  return step.by ? say("done_by", { by: step.by, done }) : done;
}

function item(step) {
  const when = step.at ? time.format(new Date(step.at)) : "";
  return element(
    "li",
    {},
    element("p", {}, doneBy(step)),
    element("p.muted", {}, when),
  );
}
