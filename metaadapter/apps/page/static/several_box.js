/** The control that says whether a picture of the project can show several of its classes. */
import { edits } from "./edits.js";
import { element } from "./element.js";
import { say } from "./words.js";

export function severalBox(project) {
  const box = element("input", { type: "checkbox", onchange: () => change() });
  const words = element("span.muted", {}, say("several_words"));
  const show = () => (box.checked = project.several);
  const change = async () => {
    const several = box.checked;
    await project.change(edits.setSeveral(several), () => (project.several = several));
    show();
  };
  project.addEventListener("change", show);
  show();
  return element("label.several-box", {}, box, element("span", {}, say("several"), words));
}
