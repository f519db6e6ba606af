/** The page of a phone: takes pictures with its camera, shows their answers, and adds them. */
import { predictionText } from "./answer_text.js";
import { byId, element, setText } from "./element.js";
import { server } from "./server.js";
import { fillIn, reason, say } from "./words.js";

const ONLY_ASK = "only-ask"; // the target of a picture that is not kept
const MOST_SHOWN = 20;

fillIn(document);
const target = byId("target");
const status = byId("status");

/** Fills the list of classes anew; the chosen one stays. */
async function showClasses() {
  const { names } = await server.classes();
  const options = [[ONLY_ASK, say("phone_only_ask")], ["", say("tray_title")], ...Object.entries(names)];
  const chosen = target.value || (target.options.length ? "" : ONLY_ASK);
  target.replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
  target.value = options.some(([value]) => value === chosen) ? chosen : ONLY_ASK;
}

/** Asks for the answer of a picture, and adds it to what is chosen. */
async function take(file) {
  const url = URL.createObjectURL(file);
  const answer = element("strong", {}, "…");
  const done = element("span", {});
  const image = element("img", { src: url, alt: "", onload: () => URL.revokeObjectURL(url) });
  byId("pictures").prepend(element("li", {}, image, element("p", {}, answer, element("br"), done)));
  while (byId("pictures").children.length > MOST_SHOWN) byId("pictures").lastChild.remove();
  const { value, selectedOptions } = target;
  const asked = server.predictNow(file).then(({ predictions, refused }) => {
    setText(answer, predictions.length ? predictionText(predictions[0]) : reason(refused[0].reason));
  });
  await asked.catch((error) => setText(answer, error.message)); // without a classifier, still added
  if (value === ONLY_ASK) return;
  const name = selectedOptions[0].textContent;
  try {
    const { refused } = await server.addPictures([{ file, path: file.name }], value);
    done.classList.toggle("wrong", refused.length > 0);
    setText(done, refused.length ? reason(refused[0].reason) : say("phone_added", { name }));
  } catch (error) {
    done.classList.add("wrong");
    setText(done, error.message);
  }
}

async function takeAll({ target: input }) {
  const files = [...input.files];
  input.value = ""; // the same picture can be chosen again
  for (const file of files) await take(file);
  await attempt(showClasses);
}

async function attempt(action) {
  try {
    await action();
    status.className = "";
    setText(status, "");
  } catch (error) {
    status.className = "wrong";
    setText(status, error.message);
  }
}

byId("shoot").addEventListener("change", takeAll);
byId("choose").addEventListener("change", takeAll);
document.addEventListener("visibilitychange", () => document.hidden || attempt(showClasses));
attempt(showClasses);
