/**
 * What it costs to ask for surer answers.
 *
 * Pure functions over points {threshold, kept, errors} of the server, in any order: of the labelled
 * pictures, each answered without itself, the fraction whose answer is at least so probable, and
 * the fraction of these that is wrong, or null where there are none.
 */

/**
 * The cost at a threshold in numbers of labelled pictures; null where nothing is known.
 *
 * @returns {?{kept: number, wrong: number}}
 */
export function countsAt(points, threshold, n_pictures) {
  const point = n_pictures ? costAt(points, threshold) : null;
  if (!point) return null;
  const kept = Math.round(point.kept * n_pictures);
  return { kept, wrong: Math.round((point.errors ?? 0) * kept) };
}

/** The point that holds at a threshold: the last one that is not above it; null without any. */
export function costAt(points, threshold) {
  const below = points.filter((point) => point.threshold <= threshold + 1e-9);
  if (!below.length) return points.length ? least(points) : null;
  return below.reduce((best, point) => (point.threshold >= best.threshold ? point : best));
}

/** Whether an answer is to be relied on at a threshold. */
export const isSure = (answer, threshold) => !answer.unfamiliar && answer.probability >= threshold;

/** How many of some answers are to be relied on. */
export const countSure = (answers, threshold) =>
  answers.filter((answer) => isSure(answer, threshold)).length;

const least = (points) =>
  points.reduce((best, point) => (point.threshold < best.threshold ? point : best));
