/**
 * The order of the pictures in the tray.
 *
 * Pure functions: `answers` maps pictures to answers, `rank` maps ids of classes to their places.
 */

export const ORDERS = ["doubtful", "certain", "class", "added"];

/** Sorts pictures; pictures without an answer come last, and equal ones stay as they were added. */
export function ordered(pictures, order, answers, rank) {
  if (order === "added") return [...pictures];
  const key = {
    doubtful: (answer) => [certainty(answer)],
    certain: (answer) => [-certainty(answer)],
    class: (answer) => [answer.unfamiliar ? Infinity : rank.get(answer.class), -certainty(answer)],
  }[order];
  const keys = new Map(
    pictures.map((picture) => [picture, answers[picture] ? key(answers[picture]) : null]),
  );
  return [...pictures].sort((a, b) => compare(keys.get(a), keys.get(b)));
}

/**
 * Updates the places of pictures: new ones come last. Pictures that left keep their places, so that
 * an undo puts them back there.
 */
export function withNew(places, pictures) {
  const before = new Set(places);
  return [...places, ...pictures.filter((picture) => !before.has(picture))];
}

/** The pictures in the order of their places. */
export function inPlace(places, pictures) {
  const present = new Set(pictures);
  return places.filter((picture) => present.has(picture));
}

/** The certainty of an answer: low if two classes are about equally probable, or none may fit. */
function certainty(answer) {
  const known = answer.unfamiliar ? (answer.known ?? 0) : 1;
  return known * (answer.probability - answer.runner_up_probability);
}

function compare(one, other) {
  if (one === null || other === null) return (one === null) - (other === null);
  for (const [place, value] of one.entries()) if (value !== other[place]) return value - other[place];
  return 0;
}
