/** What can be taken along: the adapter, the answers, the pictures in folders. */
import { showDialog } from "./dialog.js";
import { element } from "./element.js";
import { server } from "./interface.js";
import { percent, say } from "./words.js";

// What is small comes through the page, so that a refusal can be shown; pictures go straight to disk.
const THINGS = [
  { key: "answers", path: "/take/answers.csv", sure: true },
  { key: "pictures", path: "/take/pictures.zip", sure: true, straight: true },
  { key: "moves", path: "/take/moves.sh", sure: true },
  { key: "adapter", path: "/take/adapter" },
  { key: "onnx", path: "/take/onnx" },
];

/** @param project - a Project. @param {number} threshold - answers below it count as not sure. */
export function showTakeAlong(project, threshold) {
  const words = element("p", { role: "status" });
  const sentence = threshold
    ? say("take_sure", { probability: percent(threshold) })
    : say("take_any");
  showDialog(
    say("take_title"),
    element("p", {}, project.ready ? sentence : say("take_not_ready")),
    element("ul.things", {}, ...THINGS.map((thing) => item(thing, project, threshold, words))),
    words,
  );
}

function item({ key, path, sure, straight }, project, threshold, words) {
  const address = sure && threshold ? `${path}?sure=${threshold}` : path;
  const name = say(`take_${key}`);
  const control = straight && project.ready
    ? element("a.button", { href: address, download: "" }, name)
    : element("button", { type: "button", disabled: !project.ready }, name);
  if (!straight) control.addEventListener("click", () => fetchFile(control, address, project, words));
  return element("li", {}, control, element("p.muted", {}, say(`take_${key}_words`)));
}

async function fetchFile(control, address, project, words) {
  control.disabled = true;
  words.classList.remove("wrong");
  words.textContent = say("take_making");
  try {
    const { blob, name } = await server.file(address);
    const url = URL.createObjectURL(blob);
    element("a", { href: url, download: name || project.name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    words.textContent = say("take_done", { name });
  } catch (error) {
    words.classList.add("wrong");
    words.textContent = error.message;
  }
  control.disabled = false;
  control.focus();
}
