/** One picture of the tray with its answer, and buttons to accept it or take the runner-up. */
import { answerText } from "./answer_text.js";
import { counts } from "./costs.js";
import { element, setText } from "./element.js";
import { thumbnail } from "./server.js";
import { percent, say } from "./words.js";

export class TrayCard {
  #otherClass = null; // the class of the button `other`

  /** @param {{accept: function(string), put: function(string, string)}} actions */
  constructor(picture, actions) {
    this.picture = picture;
    const button = (tag, onclick) => element(tag, { type: "button", tabIndex: -1, onclick });
    this.image = element("img", { alt: "", decoding: "async", draggable: false, src: thumbnail(picture) });
    this.mark = element("span.mark", { "aria-hidden": "true" });
    this.name = element("span.answer-name");
    this.probability = element("span.answer-probability");
    this.bar = element("span.bar", { "aria-hidden": "true" });
    this.other = button("button.other", () => actions.put(picture, this.#otherClass));
    this.accept = button("button.accept", () => actions.accept(picture));
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

  /** @param state - {answer, threshold, selected, current, stale}. */
  show(project, { answer, threshold, selected, current, stale }) {
    const { node } = this;
    node.classList.toggle("current", current);
    node.classList.toggle("stale", stale);
    node.classList.toggle("unanswered", !answer);
    node.classList.toggle("unsure", Boolean(answer) && !counts(answer, threshold));
    node.classList.toggle("unfamiliar", Boolean(answer?.unfamiliar));
    if (node.getAttribute("aria-selected") !== String(selected))
      node.setAttribute("aria-selected", String(selected));
    this.#describe(project, answer, threshold);
    const known = answer && !answer.unfamiliar;
    this.accept.hidden = !known;
    setText(this.name, known ? project.className(answer.class) : say(reasonKey(project, this.picture, answer)));
    setText(this.probability, known ? percent(answer.probability) : "");
    this.bar.style.setProperty("--part", known ? answer.probability : 0);
    this.#showOther(project, answer);
  }

  /** Sets the texts for screen readers and for the pointer. */
  #describe(project, answer, threshold) {
    const file = project.names[this.picture] ?? "";
    const reason = project.reasonOf(this.picture);
    const text = answer ? answerText(project, answer) : (reason ?? say(reasonKey(project, this.picture)));
    const below = answer && !answer.unfamiliar && !counts(answer, threshold);
    this.node.setAttribute("aria-label", `${file}: ${text}${below ? ` ${say("below_threshold")}` : ""}`);
    this.node.title = reason ? `${file}: ${reason}` : file;
  }

  #showOther(project, answer) {
    const [id, probability] = answer?.unfamiliar
      ? [answer.class, answer.probability]
      : [answer?.runner_up, answer?.runner_up_probability];
    this.#otherClass = id;
    this.other.hidden = !id;
    if (!id) return;
    const name = project.className(id);
    const key = answer.unfamiliar ? "nearest" : "or";
    setText(this.other, say(key, { name, probability: percent(probability) }));
    this.other.title = say("put_in", { name });
  }
}

/** The reason why a picture has no class as its answer, as a key of the words. */
function reasonKey(project, picture, answer) {
  if (answer) return "none_of_these";
  if (project.unreadable[picture]) return "unreadable";
  return project.ready ? "reading" : "no_answer";
}
