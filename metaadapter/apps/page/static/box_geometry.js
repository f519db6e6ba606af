/**
 * Boxes in fractions of a frame: pure functions that move them, and tell their kinds.
 *
 * @typedef {number[]} Sides - [left, top, width, height]
 */

const LEAST = 0.01; // the shortest side of a box
const DIGITS = 1e4;

/** Whether two boxes, or the lack of one, are the same. */
export const sameBox = (one, other) =>
  one === other || Boolean(one && other && one.every((side, place) => side === other[place]));

/** A box moved by some fractions, within the frame. */
export function movedBox([left, top, width, height], right, down) {
  return rounded([clamp(left + right, 0, 1 - width), clamp(top + down, 0, 1 - height), width, height]);
}

/** A box with some of its edges moved, within the frame; `edges` has letters of "lrtb". */
export function resizedBox([left, top, width, height], edges, right, down) {
  let [x1, y1, x2, y2] = [left, top, left + width, top + height];
  if (edges.includes("l")) x1 = clamp(x1 + right, 0, x2 - LEAST);
  if (edges.includes("r")) x2 = clamp(x2 + right, x1 + LEAST, 1);
  if (edges.includes("t")) y1 = clamp(y1 + down, 0, y2 - LEAST);
  if (edges.includes("b")) y2 = clamp(y2 + down, y1 + LEAST, 1);
  return rounded([x1, y1, x2 - x1, y2 - y1]);
}

/** The box between two points, which may lie outside the frame; null if it is too small. */
export function boxBetween([ax, ay], [bx, by]) {
  const [x1, x2] = [ax, bx].map((x) => clamp(x, 0, 1)).sort((a, b) => a - b);
  const [y1, y2] = [ay, by].map((y) => clamp(y, 0, 1)).sort((a, b) => a - b);
  return Math.min(x2 - x1, y2 - y1) < LEAST ? null : rounded([x1, y1, x2 - x1, y2 - y1]);
}

/** A new box in the middle of a frame, for people who draw by keys. */
export const MIDDLE = [0.35, 0.35, 0.3, 0.3];

const clamp = (value, least, most) => Math.min(Math.max(value, least), Math.max(least, most));
const rounded = (sides) => sides.map((side) => Math.round(side * DIGITS) / DIGITS);

/** The kinds of frames that a person may go through. */
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
