/**
 * Orders of the pictures in the tray.
 *
 * Pure functions: `answers` maps a picture to its answer or to nothing, `rank` the id of a class to
 * its place among the classes.
 */

export const ORDERS = ["doubtful", "sure", "class", "added"];

/** The pictures in an order; those without an answer come last, ties stay as they were added. */
export function ordered(pictures, order, answers, rank) {
  if (order === "added") return [...pictures];
  const key = {
    doubtful: (answer) => [certainty(answer)],
    sure: (answer) => [-certainty(answer)],
    class: (answer) => [answer.unfamiliar ? Infinity : rank.get(answer.class), -certainty(answer)],
  }[order];
  const keys = new Map(
    pictures.map((picture) => [picture, answers[picture] ? key(answers[picture]) : null]),
  );
  return [...pictures].sort((a, b) => compared(keys.get(a), keys.get(b)));
}

/** Pictures in the order that is shown: those that are still there keep their places, new ones come last. */
export function kept(shown, pictures) {
  const there = new Set(pictures);
  const old = shown.filter((picture) => there.has(picture));
  const known = new Set(old);
  return [...old, ...pictures.filter((picture) => !known.has(picture))];
}

/** How certain an answer is: least where two classes are as likely, or where none may fit. */
function certainty(answer) {
  const known = answer.unfamiliar ? (answer.known ?? 0) : 1;
  return known * (answer.probability - answer.runner_up_probability);
}

function compared(one, other) {
  if (one === null || other === null) return (one === null) - (other === null);
  for (const [at, value] of one.entries()) if (value !== other[at]) return value - other[at];
  return 0;
}
