/** The lines above the tray: the next step, frames of cameras, and what may be wrong. */
import { button, byId, html, render } from "./html.js";
import { showField } from "./field_dialog.js";
import { showFrames } from "./frame_dialog.js";
import { orError } from "./messages.js";
import { project } from "./project.js";
import { percent, say } from "./words.js";

export function showLines() {
  const { answers, camera_traps, frames, tray } = project;
  const { key, ...values } = nextStep(project, tray.some((picture) => answers[picture]));
  render(byId("next-step"), say(key, values));
  showIf("expected", expectedText());
  showIf("elsewhere", project.elsewhere && tray.length > 0 && say("elsewhere"));
  const boxes = say("n_boxes", { n: Object.keys(frames).length });
  const dialog = { "aria-haspopup": "dialog" };
  showIf("frames", camera_traps.n_frames > 0 && html`
    <p>${say("frames_line", { n: camera_traps.n_frames, boxes })}</p>
    ${button("frames_review", () => orError(showFrames()), dialog)}
    ${button("field_open", () => orError(showField()), dialog)}`);
}

function showIf(id, content) {
  byId(id).hidden = !content;
  render(byId(id), content);
}

/**
 * Returns the next step for a person, as a key of the words and their values. A pure function.
 *
 * @param {{classes: {name: string, pictures: string[]}[], tray: string[], several: boolean}} project
 * @param {boolean} answered - whether pictures of the tray have answers.
 */
export function nextStep({ classes, tray, several }, answered) {
  if (!classes.length) return { key: "next_first_class" };
  if (classes.length === 1) return { key: "next_second_class", name: classes[0].name };
  const empty = classes.filter(({ pictures }) => !pictures.length);
  if (empty.length) return { key: "next_pictures", name: empty[0].name };
  if (!tray.length) return { key: "next_tray" };
  if (!answered) return { key: "next_wait" };
  return { key: several ? "next_correct_several" : "next_correct" };
}

/** The accuracy to expect of new pictures, now and with twice and four times the examples; "" if it is not known. */
function expectedText() {
  const [now, ...more] = project.expected.map(({ accuracy, low, high }) => ({
    accuracy: percent(accuracy), low: percent(low), high: percent(high),
  }));
  return now ? say("expected", { ...now, twice: more[0].accuracy, fourfold: more[1].accuracy }) : "";
}
