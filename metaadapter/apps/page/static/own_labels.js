/** The labels that this tab has given, to notice when somebody else gives other ones. */
export class OwnLabels {
  #labels = new Map(); // picture → label, null for the tray
  #isOwnStep = false;

  /** Remembers an edit that the server has saved. */
  add({ path, json }) {
    if (path === "/labels")
      for (const [picture, label] of Object.entries(json.labels)) this.#labels.set(picture, label);
    // Undoing, or removing classes and pictures, moves pictures that this tab has sorted.
    else this.#isOwnStep = true;
  }

  /** The pictures that are elsewhere now, although this tab did nothing since; each is told once. */
  overruled({ classes, tray, none = [] }) {
    const isOwn = this.#isOwnStep;
    this.#isOwnStep = false;
    if (!this.#labels.size) return [];
    const now = new Map([...tray.map((picture) => [picture, null]), ...none.map((picture) => [picture, "none"])]);
    for (const { id, pictures } of classes) for (const picture of pictures) now.set(picture, id);
    const moved = [...this.#labels.keys()].filter((picture) => this.#labels.get(picture) !== now.get(picture));
    for (const picture of moved) this.#labels.delete(picture);
    return isOwn ? [] : moved;
  }
}
