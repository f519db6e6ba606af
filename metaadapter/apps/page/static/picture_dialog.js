/** One picture, enlarged, with its answer and buttons for its class. */
import { answerText } from "./answer_text.js";
import { showDialog } from "./dialog.js";
import { element } from "./element.js";
import { whole } from "./server.js";
import { say } from "./words.js";

export function showPicture(project, picture) {
  const current = project.classOf(picture);
  const answer = current ? project.left_out[picture] : project.answers[picture];
  const file = project.names[picture] ?? "";
  const closeAnd = (change) => () => {
    dialog.close();
    change();
  };
  const classes = project.classes.map(({ id, name }) =>
    element(
      "button",
      {
        type: "button",
        "aria-pressed": String(id === current?.id),
        onclick: closeAnd(() => project.label({ [picture]: id })),
      },
      name,
    ),
  );
  const dialog = showDialog(
    file || say("picture"),
    element("img.whole", { src: whole(picture), alt: file }),
    current ? element("p", {}, say("picture_of", { name: current.name })) : null,
    answer
      ? element("p", {}, current ? say("left_out", { answer: answerText(project, answer) }) : answerText(project, answer))
      : null,
    element("p.muted", {}, say("put_into")),
    element("div.choices", {}, ...classes),
    element(
      "div.choices",
      {},
      current
        ? element(
            "button.quiet",
            { type: "button", onclick: closeAnd(() => project.label({ [picture]: null })) },
            say("to_tray"),
          )
        : null,
      element(
        "button.quiet",
        { type: "button", onclick: closeAnd(() => project.removePictures([picture])) },
        say("remove"),
      ),
    ),
  );
}
