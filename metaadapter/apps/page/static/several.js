/** What a picture shows when it can show several classes. Pure functions of a Project. */
import { NONE } from "./none.js";

/** The ids of the classes of an answer, NONE alone for none of them; none without an answer. */
export function classesOf(answer) {
  if (!answer) return [];
  if (answer.unfamiliar) return [NONE];
  return answer.labels ?? [answer.class];
}

/** The ids of the classes that a picture has or else is predicted to have, or NONE alone. */
export function classesFor(project, picture) {
  const own = project.labelsOf(picture);
  return own.length ? own : classesOf(project.answers[picture]);
}

/** The labels of pictures that show one class more: picture → ids. */
export const withClass = (project, pictures, id) =>
  Object.fromEntries(pictures.map((picture) => [picture, [...others(project, picture, id), id]]));

/** The labels of pictures after a class is added to them, or taken away if all of them show it. */
export function withClassTurned(project, pictures, id) {
  if (!pictures.every((picture) => classesFor(project, picture).includes(id))) return withClass(project, pictures, id);
  return Object.fromEntries(pictures.map((picture) => [picture, others(project, picture, id)]));
}

/** The ids of the classes that all pictures show. */
export function shownByAll(project, pictures) {
  const [first = [], ...rest] = pictures.map((picture) => classesFor(project, picture));
  return first.filter((id) => rest.every((ids) => ids.includes(id)));
}

/** Answers with their `margin`: the least distance of a probability from its class's threshold. */
export function withMargins(answers, thresholds) {
  if (!thresholds) return answers;
  return Object.fromEntries(
    Object.entries(answers).map(([picture, answer]) => {
      const margins = Object.entries(answer.probabilities).map(([id, p]) => Math.abs(p - thresholds[id]));
      return [picture, { ...answer, margin: Math.min(1, ...margins) }];
    }),
  );
}

const others = (project, picture, id) => classesFor(project, picture).filter((one) => one !== id && one !== NONE);
