/**
 * Where the pictures of a project lie: in its classes, in none of them, or in the tray.
 *
 * Pure functions of {classes, tray, none}. With several labels a picture lies in several classes.
 */

/** The label of pictures that show none of the classes. */
export const NONE = "none";

/** picture → the ids of its classes, or NONE alone; only of the pictures that have a label. */
export function labelsIn({ classes, none = [] }) {
  const labels = new Map(none.map((picture) => [picture, [NONE]]));
  for (const { id, pictures } of classes)
    for (const picture of pictures) labels.set(picture, [...(labels.get(picture) ?? []), id]);
  return labels;
}

/** The labels of pictures that all get the same one: picture → label. */
export const sameLabel = (pictures, label) => Object.fromEntries(pictures.map((picture) => [picture, label]));

/**
 * The piles after pictures have got labels.
 *
 * @param {Object} labels - picture → id of a class, NONE, null for the tray, or a list of classes.
 */
export function labelled(piles, labels) {
  const rest = withoutPictures(piles, new Set(Object.keys(labels)));
  const lists = new Map(rest.classes.map(({ id, pictures }) => [id, pictures]));
  lists.set(NONE, rest.none);
  for (const [picture, label] of Object.entries(labels))
    for (const id of Array.isArray(label) && !label.length ? [NONE] : [label].flat()) (lists.get(id) ?? rest.tray).push(picture);
  return rest;
}

/** The piles without some pictures. */
export function withoutPictures({ classes, tray, none }, pictures) {
  const rest = (all) => all.filter((picture) => !pictures.has(picture));
  return {
    classes: classes.map((entry) => ({ ...entry, pictures: rest(entry.pictures) })),
    tray: rest(tray),
    none: rest(none),
  };
}

/** The labels that this tab has given, to notice when somebody else gives other ones. */
export class OwnLabels {
  #labels = new Map(); // picture → the key of its labels
  #isOwnStep = false;

  /** Remembers an edit that the server has saved. */
  add({ path, json }) {
    if (path === "/labels")
      for (const [picture, label] of Object.entries(json.labels)) this.#labels.set(picture, keyOf([label].flat()));
    // Undoing, or removing classes and pictures, moves pictures that this tab has sorted.
    else this.#isOwnStep = true;
  }

  /** The pictures that are elsewhere now, although this tab did nothing since; each is told once. */
  overruled(piles) {
    const isOwn = this.#isOwnStep;
    this.#isOwnStep = false;
    if (!this.#labels.size) return [];
    const now = new Map(piles.tray.map((picture) => [picture, keyOf([null])]));
    for (const [picture, ids] of labelsIn(piles)) now.set(picture, keyOf(ids));
    const moved = [...this.#labels.keys()].filter((picture) => this.#labels.get(picture) !== now.get(picture));
    for (const picture of moved) this.#labels.delete(picture);
    return isOwn ? [] : moved;
  }
}

/** A text that is equal for the same classes, also in another order. */
const keyOf = (ids) => (ids.length ? [...ids].sort().join() : NONE);
