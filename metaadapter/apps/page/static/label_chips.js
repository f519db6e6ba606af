/** The classes of a picture that can show several, as buttons that add or take them away. */
import { element, setChildren, setName, setText } from "./element.js";
import { NONE } from "./none.js";
import { percent, say } from "./words.js";

export class LabelChips {
  #put;
  #chips = new Map();
  node = element("div.chips");

  /** @param {function(string)} put - called with the id of a class. */
  constructor(put) {
    this.#put = put;
  }

  /**
   * Shows the answer for a picture and the classes just below their thresholds; or its labels, and
   * the classes that it shows by the other examples.
   */
  show(project, picture) {
    const own = project.labelsOf(picture);
    const isLabelled = own.length > 0;
    const { labels = null, probabilities = {} } = project[isLabelled ? "left_out" : "answers"][picture] ?? {};
    const pressed = isLabelled ? own.filter((id) => id !== NONE) : (labels ?? []);
    const others = isLabelled ? (labels ?? []) : Object.keys(probabilities);
    const shown = [...new Set([...pressed, ...others])].filter((id) => project.rank.has(id));
    const chips = shown.map((id) => {
      const isPressed = pressed.includes(id);
      const probability = isLabelled && isPressed ? undefined : probabilities[id];
      const isDoubted = isLabelled && isPressed && labels !== null && !labels.includes(id);
      return this.#chip(project, id, { isLabelled, isPressed, isDoubted, probability });
    });
    setChildren(this.node, chips);
    this.node.hidden = !chips.length;
    return pressed.length;
  }

  #chip(project, id, { isLabelled, isPressed, isDoubted, probability }) {
    let chip = this.#chips.get(id);
    if (!chip) {
      chip = element(
        "button.chip",
        { type: "button", tabIndex: -1, onclick: () => this.#put(id) },
        element("span.chip-name"),
        element("span.chip-probability"),
        element("span.unseen"),
      );
      this.#chips.set(id, chip);
    }
    const [name, number, state] = chip.children;
    setName(name, project.className(id));
    setText(number, probability === undefined ? "" : percent(probability));
    setText(state, isPressed ? "" : say(isLabelled ? "chip_rather" : "chip_below"));
    chip.classList.toggle("doubted-label", isDoubted);
    chip.setAttribute("aria-pressed", String(isPressed));
    const threshold = probability === undefined ? "" : say("chip_threshold", { probability: percent(project.thresholds[id] ?? 0) });
    chip.title = [say(isPressed ? "chip_remove" : "chip_add", { name: project.className(id) }), threshold].filter(Boolean).join(" ");
    return chip;
  }
}
