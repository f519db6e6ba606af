/** An answer as a sentence: class and probability, the runner-up, or that it is none of these. */
import { percent, say } from "./words.js";

export function answerInWords(project, answer) {
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
