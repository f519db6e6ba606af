/**
 * The order of the pictures in the tray, in groups that have headings.
 *
 * Pure functions. `answers` maps pictures to answers, `rank` maps ids of classes to their places.
 *
 * @typedef {{key: ?string, pictures: string[]}} Group - key: the id of a class, or the first frame of
 *   a series; null for a group without a heading.
 */

export const ORDERS = ["doubtful", "certain", "class", "series", "added"];
export const REST = "rest"; // the key of the group of pictures that belong to no other

/**
 * Sorts pictures. Strangers, which have a filter of their own, come after the others, pictures
 * without an answer come last, and equal ones stay as they were added.
 *
 * @param {Map<string, string>} keys - picture → the key of its group; the others are the REST.
 * @returns {Group[]}
 */
export function grouped(pictures, order, answers, rank, keys) {
  if (order === "added") return [{ key: null, pictures: [...pictures] }];
  const series = pictures.map((picture) => keys.get(picture)); // in the order of their first pictures
  const places = new Map([...new Set(series)].map((key, place) => [key, key ? place : Infinity]));
  const sortKey = {
    doubtful: (picture, answer) => [Number(answer.unfamiliar), certainty(answer)],
    certain: (picture, answer) => [Number(answer.unfamiliar), -certainty(answer)],
    class: (picture, answer) => [rank.get(keys.get(picture)) ?? Infinity, -certainty(answer)],
    series: (picture) => [places.get(keys.get(picture))],
  }[order];
  const sortKeys = new Map(
    pictures.map((picture) => {
      const answer = answers[picture];
      const key = order === "series" || answer ? sortKey(picture, answer) : null;
      return [picture, key];
    }),
  );
  const sorted = [...pictures].sort((a, b) => compare(sortKeys.get(a), sortKeys.get(b)));
  if (!["class", "series"].includes(order)) return [{ key: null, pictures: sorted }];
  return added([], sorted, keys);
}

/**
 * Updates remembered groups: pictures keep their places, also while they are away, so that they
 * come back to them; new pictures come last in their groups.
 */
export function remembered(groups, pictures, keys) {
  const before = new Set(groups.flatMap((group) => group.pictures));
  const more = pictures.filter((picture) => !before.has(picture));
  if (!more.length) return groups;
  const hasHeadings = groups.length && groups[0].key !== null;
  return added(groups, more, hasHeadings ? keys : null);
}

/** The groups with only these pictures, without empty groups. */
export function present(groups, pictures) {
  const there = new Set(pictures);
  return groups
    .map(({ key, pictures: all }) => ({ key, pictures: all.filter((picture) => there.has(picture)) }))
    .filter((group) => group.pictures.length);
}

function added(groups, pictures, keys) {
  const all = new Map(groups.map((group) => [group.key, { ...group, pictures: [...group.pictures] }]));
  for (const picture of pictures) {
    const key = keys && (keys.get(picture) ?? REST);
    if (!all.has(key)) all.set(key, { key, pictures: [] });
    all.get(key).pictures.push(picture);
  }
  return [...all.values()];
}

/** The certainty of an answer: low if two classes are about equally probable, or none may fit; with
 * several labels, if a class is near its threshold. */
function certainty(answer) {
  if (answer.margin !== undefined) return answer.margin;
  const known = answer.unfamiliar ? (answer.known ?? 0) : 1;
  return known * (answer.probability - answer.runner_up_probability);
}

function compare(one, other) {
  if (one === null || other === null) return (one === null) - (other === null);
  for (const [place, value] of one.entries())
    if (value !== other[place]) return value < other[place] ? -1 : 1;
  return 0;
}
