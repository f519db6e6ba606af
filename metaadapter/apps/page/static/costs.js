/**
 * The cost of a threshold on the probability.
 *
 * Pure functions of the server's points {threshold, kept, errors}, in any order. `kept` is the
 * fraction of left-out pictures whose answer is at least as probable as the threshold; `errors` is
 * the fraction of wrong answers among these pictures, or null if there are none.
 */

/**
 * The cost at a threshold, as numbers of left-out pictures; null without points.
 *
 * @returns {?{kept: number, wrong: number}}
 */
export function countsAt(points, threshold, n_pictures) {
  const point = n_pictures ? costAt(points, threshold) : null;
  if (!point) return null;
  const kept = Math.round(point.kept * n_pictures);
  return { kept, wrong: Math.round((point.errors ?? 0) * kept) };
}

/** The last point that is not above a threshold, or else the first point; null without points. */
export function costAt(points, threshold) {
  const below = points.filter((point) => point.threshold <= threshold + 1e-9);
  if (!below.length) return points.length ? least(points) : null;
  return below.reduce((best, point) => (point.threshold >= best.threshold ? point : best));
}

/** Whether an answer counts at a threshold. */
export const counts = (answer, threshold) => !answer.unfamiliar && answer.probability >= threshold;

/** The number of answers that count at a threshold. */
export const countPassing = (answers, threshold) =>
  answers.filter((answer) => counts(answer, threshold)).length;

const least = (points) =>
  points.reduce((best, point) => (point.threshold < best.threshold ? point : best));
