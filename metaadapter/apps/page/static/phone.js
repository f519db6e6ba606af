/** The page of a phone: takes pictures with its camera, shows their answers, and adds them. */
import { byId, create, html, options, render } from "./html.js";
import { predictionBars, predictionText } from "./prediction_bars.js";
import { server } from "./server.js";
import { fillIn, reason, say } from "./words.js";

const ONLY_ASK = "only-ask"; // the target of a picture that is not kept
const MOST_SHOWN = 20;

fillIn(document);
const target = byId("target");
const status = byId("status");
let classes = []; // their names, in their order

/** Fills the list of classes anew; the chosen one stays. */
async function showClasses() {
  const { names } = await server.classes();
  classes = Object.values(names);
  const pairs = [[ONLY_ASK, say("phone_only_ask")], ["", say("tray_title")], ...Object.entries(names)];
  const chosen = target.value || (target.options.length ? "" : ONLY_ASK);
  render(target, options(pairs));
  target.value = pairs.some(([value]) => value === chosen) ? chosen : ONLY_ASK;
}

/** Asks for the answer of a picture, and adds it to what is chosen. */
async function take(file) {
  const url = URL.createObjectURL(file);
  const item = create(html`<li></li>`);
  const onload = () => URL.revokeObjectURL(url);
  let [answer, bars] = ["…", null];
  const show = (done = "", isWrong = false) =>
    render(item, html`
      <img src=${url} alt="" onload=${onload}>
      <p><strong>${answer}</strong><br><span class=${isWrong && "wrong"}>${done}</span></p>
      ${bars}`);
  show();
  byId("pictures").prepend(item);
  while (byId("pictures").children.length > MOST_SHOWN) byId("pictures").lastChild.remove();
  const { value, selectedOptions } = target;
  const name = selectedOptions[0].textContent;
  try {
    const { predictions: [prediction], refused } = await server.predictNow(file);
    answer = prediction ? predictionText(prediction) : reason(refused[0].reason);
    bars = prediction && predictionBars(prediction, classes);
  } catch (error) {
    answer = error.message; // without a classifier, still added
  }
  show();
  if (value === ONLY_ASK) return;
  try {
    const { refused } = await server.addPictures([{ file, path: file.name }], value);
    show(refused.length ? reason(refused[0].reason) : say("phone_added", { name }), refused.length > 0);
  } catch (error) {
    show(error.message, true);
  }
}

async function takeAll({ target: input }) {
  const files = [...input.files];
  input.value = ""; // the same picture can be chosen again
  for (const file of files) await take(file);
  await attempt(showClasses);
}

async function attempt(action) {
  const error = await action().then(() => "", ({ message }) => message);
  status.classList.toggle("wrong", Boolean(error));
  render(status, error);
}

byId("shoot").addEventListener("change", takeAll);
byId("choose").addEventListener("change", takeAll);
document.addEventListener("visibilitychange", () => document.hidden || attempt(showClasses));
attempt(showClasses);
