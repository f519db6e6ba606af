/** The heading of a group of pictures in the tray, with buttons for all of them. */
import { element, setText } from "./element.js";
import { classFor } from "./filters.js";
import { REST } from "./order.js";
import { count, say } from "./words.js";

export class GroupHeading {
  #project;
  #pictures = [];
  #title = element("h3.group-title");
  #count = element("span.muted");
  #select;
  #accept;

  constructor(project, tray) {
    this.#project = project;
    const button = (key, onclick) => element("button.quiet", { type: "button", tabIndex: -1, onclick }, say(key));
    this.#select = button("select_group", () => tray.selectPictures(this.#pictures));
    this.#accept = button("accept_group", () => tray.actions.accept(this.#pictures));
    this.node = element("div.group-head", { role: "gridcell" }, this.#title, this.#count, this.#select, this.#accept);
  }

  /** @param {{key: string, pictures: string[]}} group */
  show({ key, pictures }) {
    this.#pictures = pictures;
    const { labels, answers } = this.#project;
    setText(this.#title, this.#text(key));
    setText(this.#count, count(pictures.length));
    this.#accept.hidden = !pictures.some((picture) => answers[picture] && !labels.has(picture));
  }

  #text(key) {
    if (key === REST) return say("group_rest");
    if (key in this.#project.names) return say("group_series", { name: this.#project.names[key] });
    if (!/^\d+$/.test(key) || this.#project.rank.has(key)) return this.#project.className(key);
    const [n, id] = [Number(key) + 1, this.#mostFrequent()];
    return id ? say("group_alike_mostly", { n, name: this.#project.className(id) }) : say("group_alike", { n });
  }

  /** The class of most answers of the group; null without answers. */
  #mostFrequent() {
    const sizes = new Map();
    for (const picture of this.#pictures) {
      const id = classFor(this.#project, picture);
      if (id) sizes.set(id, (sizes.get(id) ?? 0) + 1);
    }
    return [...sizes].sort((a, b) => b[1] - a[1])[0]?.[0] ?? null;
  }
}
