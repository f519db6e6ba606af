/** An answer as text: its classes with their probabilities, the runner-up, or "none of these". */
import { percent, say } from "./words.js";

export function answerText(project, answer) {
  if (answer.labels) return labelsText(project, answer);
  const first = say("answer", {
    name: project.className(answer.class),
    probability: percent(answer.probability),
  });
  if (answer.unfamiliar) return say("answer_unfamiliar", { answer: first });
  if (!answer.runner_up) return first;
  return say("answer_with_other", {
    answer: first,
    name: project.className(answer.runner_up),
    probability: percent(answer.runner_up_probability),
  });
}

/** The text of an answer for a picture that can show several classes. */
function labelsText(project, { labels, probabilities }) {
  const text = (id) => say("answer", { name: project.className(id), probability: percent(probabilities[id]) });
  if (labels.length) return labels.map(text).join("; ");
  const [nearest] = Object.keys(probabilities);
  return nearest ? say("answer_unfamiliar", { answer: text(nearest) }) : say("none_of_these");
}

/** The text of a prediction that names its classes, as `/predict` gives it. */
export function predictionText({ label, labels, probability, probabilities, unfamiliar }) {
  if (unfamiliar || labels?.length === 0) return say("none_of_these");
  const text = (name, p) => say("answer", { name, probability: percent(p) });
  return labels ? labels.map((name) => text(name, probabilities[name])).join("; ") : text(label, probability);
}
