/**
 * What the answers of the project say: their classes, whether they count, and their texts.
 *
 * An answer is for one class, or for several (`labels`), or says that a picture is unfamiliar: none
 * of the classes. A picture with a label has a left-out answer instead, by the other examples.
 */
import { NONE } from "./piles.js";
import { project } from "./project.js";
import { percent, reason, say } from "./words.js";

const REACTION = 400; // milliseconds that a person needs to see a change

/** The answer for a picture, or its left-out answer if it has a label. */
export const answerFor = (picture) => project[project.labels.has(picture) ? "left_out" : "answers"][picture];

/** The ids of the classes of an answer, NONE alone for none of them; none without an answer. */
export function classesOf(answer) {
  if (!answer) return [];
  if (answer.unfamiliar) return [NONE];
  return answer.labels ?? [answer.class];
}

/** The ids of the classes that a picture has or else is predicted to have, or NONE alone. */
export function classesFor(picture) {
  const own = project.labelsOf(picture);
  return own.length ? own : classesOf(project.answers[picture]);
}

/** The (first) class that a picture has or is predicted to have; NONE for none; null if unknown. */
export const classFor = (picture) => classesFor(picture)[0] ?? null;

/** id of a class, or NONE → the number of pictures that have it or else are predicted to have it. */
export function sizesOf(pictures) {
  const sizes = new Map();
  for (const picture of pictures) for (const id of classesFor(picture)) sizes.set(id, (sizes.get(id) ?? 0) + 1);
  return sizes;
}

/** The class of an answer, NONE for none of the classes, null without an answer. */
export const answerOf = (answer) => (answer ? (answer.unfamiliar ? NONE : answer.class) : null);

/** The label that an answer becomes when a person accepts it. */
export const acceptedLabel = (answer) =>
  answer.labels ? classesOf(answer).filter((id) => id !== NONE) : answerOf(answer);

/** The labels of pictures that show one class more: picture → ids. */
export const withClass = (pictures, id) =>
  Object.fromEntries(pictures.map((picture) => [picture, [...withoutClass(picture, id), id]]));

/** The labels of pictures after a class is added to them, or taken away if all of them show it. */
export function withClassTurned(pictures, id) {
  if (!pictures.every((picture) => classesFor(picture).includes(id))) return withClass(pictures, id);
  return Object.fromEntries(pictures.map((picture) => [picture, withoutClass(picture, id)]));
}

const withoutClass = (picture, id) => classesFor(picture).filter((one) => one !== id && one !== NONE);

/** The ids of the classes that all pictures show. */
export function shownByAll(pictures) {
  const [first = [], ...rest] = pictures.map(classesFor);
  return first.filter((id) => rest.every((ids) => ids.includes(id)));
}

/** The classes that pictures are most probably in, by their answers. */
export function suggestedFor(pictures) {
  const votes = new Map();
  for (const answer of pictures.slice(0, 500).map(answerFor).filter(Boolean)) {
    const { class: first, probability, runner_up: second, runner_up_probability: other } = answer;
    const shares = answer.labels ? Object.entries(answer.probabilities) : [[first, probability], [second, other]];
    for (const [id, share] of shares) if (id) votes.set(id, (votes.get(id) ?? 0) + share);
  }
  return [...votes].sort((a, b) => b[1] - a[1]).map(([id]) => id);
}

/** Whether an answer counts at a minimum of the probability. */
export const counts = (answer, minimum) => !answer.unfamiliar && answer.probability >= minimum;

/**
 * The cost of a threshold, counted on the labelled pictures; null without any. A pure function.
 *
 * @param {Object} left_out - picture → its answer by the other examples.
 * @param {Map} labels - picture → the ids of its classes.
 * @returns {?{n: number, kept: number, wrong: number}} `wrong` are those among the `kept`.
 */
export function costAt(left_out, labels, threshold) {
  const counted = Object.entries(left_out).filter(([picture]) => (labels.get(picture) ?? [NONE])[0] !== NONE);
  const kept = counted.filter(([, { probability }]) => probability >= threshold);
  const wrong = kept.filter(([picture, answer]) => answer.class !== labels.get(picture)[0]);
  return counted.length ? { n: counted.length, kept: kept.length, wrong: wrong.length } : null;
}

/** Whether advice doubts a picture's label; where there is no advice, whether the left-out answer differs. */
export function isDoubtful(picture) {
  const [{ advice, left_out }, own] = [project, project.labelsOf(picture)];
  if (advice) return advice.some((one) => /label|stranger/.test(one.kind) && one.pictures[0] === picture && one.classes[0] === own[0]);
  return picture in left_out && [...classesOf(left_out[picture])].sort().join() !== [...own].sort().join();
}

/** Whether what happened at a time is so recent that a person may not have seen it. */
export const isRecent = (time) => performance.now() - time < REACTION;

/** Whether the class of an answer has changed just now. */
export function hasJustChanged(picture) {
  const [before, now] = [project.answersBefore[picture], project.answers[picture]];
  const changed = before && classesOf(before).join() !== classesOf(now).join();
  return Boolean(changed) && isRecent(project.answersAt);
}

/** The name of a picture's file, and the reason if it cannot be read. */
export const fileText = (picture) =>
  [project.names[picture], project.unreadable[picture] && reason(project.unreadable[picture])].filter(Boolean).join(": ");

/** An answer as text: its classes with their probabilities, the runner-up, or "none of these". */
export function answerText(answer) {
  const text = (id, probability) => say("answer", { name: project.className(id), probability: percent(probability) });
  if (answer.labels) {
    const { labels, probabilities } = answer;
    if (labels.length) return labels.map((id) => text(id, probabilities[id])).join("; ");
    const [nearest] = Object.keys(probabilities);
    return nearest ? say("answer_unfamiliar", { answer: text(nearest, probabilities[nearest]) }) : say("none_of_these");
  }
  const [first, name] = [text(answer.class, answer.probability), project.className(answer.runner_up)];
  if (answer.unfamiliar) return say("answer_unfamiliar", { answer: first });
  if (!answer.runner_up) return first;
  return say("answer_with_other", { answer: first, name, probability: percent(answer.runner_up_probability) });
}
