/** The labels that this tab has given, to notice when somebody else gives other ones. */
import { NONE } from "./none.js";
import { labelsIn } from "./piles.js";

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
  overruled({ classes, tray, none = [] }) {
    const isOwn = this.#isOwnStep;
    this.#isOwnStep = false;
    if (!this.#labels.size) return [];
    const now = new Map(tray.map((picture) => [picture, keyOf([null])]));
    for (const [picture, ids] of labelsIn({ classes, none })) now.set(picture, keyOf(ids));
    const moved = [...this.#labels.keys()].filter((picture) => this.#labels.get(picture) !== now.get(picture));
    for (const picture of moved) this.#labels.delete(picture);
    return isOwn ? [] : moved;
  }
}

/** A text that is equal for the same classes, also in another order. */
const keyOf = (ids) => (ids.length ? [...ids].sort().join() : NONE);
