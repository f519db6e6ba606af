/** One picture of the tray with its answer, and the two clicks that most often put it right. */
import { answerInWords } from "./answer_words.js";
import { isSure } from "./cost.js";
import { element, setText } from "./element.js";
import { thumbnail } from "./interface.js";
import { percent, say } from "./words.js";

export class TrayCard {
  #offered = null; // the class that a click on `other` puts it into

  /** @param {{accept: function(string), put: function(string, string)}} acts */
  constructor(picture, acts) {
    this.picture = picture;
    const button = (tag, onclick) => element(tag, { type: "button", tabIndex: -1, onclick });
    this.image = element("img", { alt: "", decoding: "async", draggable: false, src: thumbnail(picture) });
    this.mark = element("span.mark", { "aria-hidden": "true" });
    this.name = element("span.answer-name");
    this.probability = element("span.answer-probability");
    this.bar = element("span.bar", { "aria-hidden": "true" });
    this.other = button("button.other", () => acts.put(picture, this.#offered));
    this.accept = button("button.accept", () => acts.accept(picture));
    this.accept.textContent = "✓";
    this.accept.setAttribute("aria-label", say("accept"));
    this.accept.title = say("accept");
    this.node = element(
      "div.card",
      { id: `picture-${picture}`, role: "gridcell", draggable: true, "data-picture": picture },
      this.image,
      this.mark,
      element("div.answer", {}, this.name, this.probability),
      this.bar,
      element("div.card-actions", {}, this.other, this.accept),
    );
  }

  /** @param state - {answer, threshold, chosen, current, stale}: what it shows now. */
  show(project, { answer, threshold, chosen, current, stale }) {
    const { node } = this;
    node.classList.toggle("current", current);
    node.classList.toggle("stale", stale);
    node.classList.toggle("unanswered", !answer);
    node.classList.toggle("unsure", Boolean(answer) && !isSure(answer, threshold));
    node.classList.toggle("unfamiliar", Boolean(answer?.unfamiliar));
    if (node.getAttribute("aria-selected") !== String(chosen))
      node.setAttribute("aria-selected", String(chosen));
    this.#showWords(project, answer, threshold);
    const said = answer && !answer.unfamiliar;
    this.accept.hidden = !said;
    setText(this.name, said ? project.className(answer.class) : say(unsaid(project, this.picture, answer)));
    setText(this.probability, said ? percent(answer.probability) : "");
    this.bar.style.setProperty("--part", said ? answer.probability : 0);
    this.#showOther(project, answer);
  }

  /** What a screen reader says, and what stands beside the pointer. */
  #showWords(project, answer, threshold) {
    const file = project.names[this.picture] ?? "";
    const reason = project.unreadable[this.picture];
    const words = answer ? answerInWords(project, answer) : (reason ?? say(unsaid(project, this.picture)));
    const unsure = answer && !answer.unfamiliar && !isSure(answer, threshold);
    this.node.setAttribute("aria-label", `${file}: ${words}${unsure ? ` ${say("not_sure")}` : ""}`);
    this.node.title = reason ? `${file}: ${reason}` : file;
  }

  #showOther(project, answer) {
    const [id, probability] = answer?.unfamiliar
      ? [answer.class, answer.probability]
      : [answer?.runner_up, answer?.runner_up_probability];
    this.#offered = id;
    this.other.hidden = !id;
    if (!id) return;
    const name = project.className(id);
    const words = answer.unfamiliar ? "nearest" : "or";
    setText(this.other, say(words, { name, probability: percent(probability) }));
    this.other.title = say("put_in", { name });
  }
}

/** Why a picture has no class for an answer, as a key of the words. */
function unsaid(project, picture, answer) {
  if (answer) return "none_of_these";
  if (project.unreadable[picture]) return "unreadable";
  return project.ready ? "looking" : "no_answer";
}
