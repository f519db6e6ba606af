/** One picture, large, with what is answered for it and the classes that it can be put into. */
import { showDialog } from "./dialog.js";
import { element } from "./element.js";
import { whole } from "./interface.js";
import { answerInWords } from "./answer_words.js";
import { say } from "./words.js";

export function showPicture(project, picture) {
  const own = project.classOf(picture);
  const answer = own ? project.left_out[picture] : project.answers[picture];
  const file = project.names[picture] ?? "";
  const act = (change) => () => {
    dialog.close();
    change();
  };
  const into = project.classes.map(({ id, name }) =>
    element(
      "button",
      {
        type: "button",
        "aria-pressed": String(id === own?.id),
        onclick: act(() => project.label({ [picture]: id })),
      },
      name,
    ),
  );
  const dialog = showDialog(
    file || say("picture"),
    element("img.whole", { src: whole(picture), alt: file }),
    own ? element("p", {}, say("picture_of", { name: own.name })) : null,
    answer
      ? element("p", {}, own ? say("left_out", { answer: answerInWords(project, answer) }) : answerInWords(project, answer))
      : null,
    element("p.muted", {}, say("put_into")),
    element("div.choices", {}, ...into),
    element(
      "div.choices",
      {},
      own
        ? element(
            "button.quiet",
            { type: "button", onclick: act(() => project.label({ [picture]: null })) },
            say("to_tray"),
          )
        : null,
      element(
        "button.quiet",
        { type: "button", onclick: act(() => project.removePictures([picture])) },
        say("remove"),
      ),
    ),
  );
}
