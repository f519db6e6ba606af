/** One picture of the tray with its answer or label, and buttons to accept it or take another class. */
import { answerText } from "./answer_text.js";
import { counts } from "./costs.js";
import { element, setName, setText } from "./element.js";
import { answerOf, isDoubtful } from "./filters.js";
import { LabelChips } from "./label_chips.js";
import { NONE } from "./none.js";
import { thumbnail } from "./server.js";
import { classesFor } from "./several.js";
import { inList, percent, say } from "./words.js";

const IN_TWO_LINES = 2; // chips that are surely seen

export class TrayCard {
  #otherClass = null; // the class of the button `other`

  /** @param actions - TrayActions, whose `accept` and `put` the buttons call. */
  constructor(picture, actions) {
    this.picture = picture;
    const button = (tag, onclick) => element(tag, { type: "button", tabIndex: -1, onclick });
    this.image = element("img", { alt: "", decoding: "async", draggable: false, src: thumbnail(picture) });
    this.mark = element("span.mark", { "aria-hidden": "true" });
    this.file = element("span.unseen");
    this.name = element("span.answer-name");
    this.probability = element("span.answer-probability");
    this.bar = element("span.bar", { "aria-hidden": "true" });
    this.other = button("button.other", () => actions.put(this.#otherClass, [picture]));
    this.accept = button("button.accept", () => actions.accept([picture]));
    this.accept.append(element("span.unseen", {}, say("accept")));
    this.accept.title = say("accept");
    this.chips = new LabelChips((id) => actions.put(id, [picture]));
    this.node = element(
      "div.card",
      { id: `picture-${picture}`, role: "gridcell", draggable: true, "data-picture": picture },
      element("div.frame", {}, this.image, this.mark, this.bar),
      this.file,
      element("div.answer", {}, this.name),
      this.chips.node,
      element("div.card-actions", {}, this.probability, this.other, this.accept),
    );
  }

  /** @param state - {threshold, selected, current}. */
  show(project, { threshold, selected, current }) {
    const { node, picture } = this;
    const [label] = project.labelsOf(picture);
    const answer = project[label ? "left_out" : "answers"][picture];
    const known = !label && answer && !answer.unfamiliar;
    const classes = {
      current,
      stale: !project.upToDate,
      unanswered: !label && !answer,
      unsure: known && !counts(answer, threshold),
      unfamiliar: !label && answer?.unfamiliar,
      labelled: label,
      doubted: label && isDoubtful(project, picture),
    };
    for (const [name, on] of Object.entries(classes)) node.classList.toggle(name, Boolean(on));
    if (node.getAttribute("aria-selected") !== String(selected))
      node.setAttribute("aria-selected", String(selected));
    const id = label ?? answerOf(answer);
    setName(this.name, id ? project.className(id) : say(reasonKey(project, picture)));
    setText(this.probability, known && !project.several ? percent(answer.probability) : "");
    this.#showChips(project, id);
    this.bar.style.setProperty("--part", known ? answer.probability : 0);
    this.accept.hidden = !answer || Boolean(label);
    this.#describe(project, answer, { label, unsure: classes.unsure });
    this.#showOther(project, answer, label);
  }

  /** With several labels, chips take the place of the class; the name says only "none of these". */
  #showChips(project, id) {
    const { several } = project;
    this.node.classList.toggle("several", several);
    this.name.parentNode.hidden = several && Boolean(id) && id !== NONE;
    this.chips.node.hidden = !several;
    if (!several) return;
    const n = this.chips.show(project, this.picture);
    const isCut = n > IN_TWO_LINES;
    setText(this.probability, isCut ? say("n_classes", { n }) : "");
    this.probability.title = isCut ? inList(classesFor(project, this.picture).map((one) => project.className(one))) : "";
  }

  /** Sets the texts for screen readers and for the pointer. */
  #describe(project, answer, { label, unsure }) {
    const file = project.names[this.picture] ?? "";
    const reason = project.reasonOf(this.picture);
    setText(this.file, [`${file}:`, unsure ? say("below_threshold") : "", label ? say("labelled") : ""].filter(Boolean).join(" "));
    this.node.title = reason ? `${file}: ${reason}` : file;
    this.name.title = answer && !label ? answerText(project, answer) : this.name.textContent;
  }

  /** Shows the runner-up, the class nearest to a stranger, or what a labelled picture would be. */
  #showOther(project, answer, label) {
    let [key, id, probability] = ["or", answer?.runner_up, answer?.runner_up_probability];
    if (answer?.unfamiliar) [key, id, probability] = ["nearest", answer.class, answer.probability];
    if (label) [key, id, probability] = ["rather", answerOf(answer), answer?.probability];
    if (label === id || project.several) id = null;
    this.#otherClass = id;
    this.other.hidden = !id;
    if (!id) return;
    const name = project.className(id);
    setText(this.other, say(key, { name, probability: percent(probability) }));
    this.other.title = say("put_in", { name });
  }
}

/** The reason why a picture has no answer, as a key of the words. */
function reasonKey(project, picture) {
  if (project.unreadable[picture]) return "unreadable";
  if (!project.ready) return "no_answer";
  return project.work.stopped ? "not_read" : "reading";
}
