/** The kinds of frames that a person may go through, and of their boxes. Pure functions. */

export const KINDS = ["all", "animals", "empty", "others", "weak"];
export const SURE = 0.2; // the server makes pictures of boxes with at least this confidence

/** Whether a frame is of a kind. */
export function isOfKind({ boxes }, kind) {
  const has = (test) => boxes.some(test);
  const isSure = ({ picture, confidence }) => picture || confidence >= SURE;
  return {
    all: true,
    animals: has(({ picture }) => picture),
    empty: !has(isSure),
    others: has((box) => !box.picture && isSure(box)),
    weak: has((box) => !isSure(box)),
  }[kind];
}

/** How a box is drawn: as that of an animal with a picture, of another category, or as an unsure one. */
export function kindOf({ picture, confidence }) {
  if (picture) return "animal";
  return confidence >= SURE ? "other" : "weak";
}
