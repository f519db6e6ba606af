/** An answer as text: its class, probability and runner-up, or "none of these". */
import { percent, say } from "./words.js";

export function answerText(project, answer) {
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
