/** The filters of the tray: which pictures it shows. Pure functions of a Project. */
import { counts } from "./costs.js";
import { NONE } from "./none.js";
import { classesFor, classesOf } from "./several.js";

export const FILTERS = ["sort", "unsure", "none", "confirmed", "doubtful"];

/** filter → its pictures. */
export function filtered(project, threshold) {
  const { tray, answers, labels } = project;
  const confirmed = [...labels.keys()];
  const answered = tray.filter((picture) => answers[picture]);
  return {
    sort: tray,
    unsure: answered.filter((picture) => !answers[picture].unfamiliar && !counts(answers[picture], threshold)),
    none: answered.filter((picture) => answers[picture].unfamiliar),
    confirmed,
    doubtful: confirmed.filter((picture) => isDoubtful(project, picture)),
  };
}

/** The (first) class that a picture has or is predicted to have; NONE for none; null if unknown. */
export function classFor(project, picture) {
  return classesFor(project, picture)[0] ?? null;
}

/** The class of an answer, NONE for none of the classes, null without an answer. */
export const answerOf = (answer) => (answer ? (answer.unfamiliar ? NONE : answer.class) : null);

/** Whether a labelled picture is not readable, or its left-out answer differs from its labels. */
export function isDoubtful(project, picture) {
  const answer = project.left_out[picture];
  if (!answer) return Boolean(project.unreadable[picture]);
  return [...classesOf(answer)].sort().join() !== [...project.labelsOf(picture)].sort().join();
}
