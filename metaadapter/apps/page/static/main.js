/** Puts the page together: the project, the parts that show it, and the keys that hold everywhere. */
import { AdviceList } from "./advice_list.js";
import { Camera } from "./camera.js";
import { ChoiceBar } from "./choice_bar.js";
import { ClassList } from "./class_list.js";
import { byId, element, setText } from "./element.js";
import { server } from "./interface.js";
import { forgive, note, refuse } from "./messages.js";
import { nextStep } from "./next_step.js";
import { Project } from "./project.js";
import { showProjects } from "./project_dialog.js";
import { SureSlider } from "./sure_slider.js";
import { showTakeAlong } from "./take_along.js";
import { TakingIn } from "./taking_in.js";
import { Tray } from "./tray.js";
import { fillWelcome } from "./welcome.js";
import { WorkLine } from "./work_line.js";
import { fillIn, say } from "./words.js";

fillIn(document);
const project = new Project();
const work = new WorkLine(project);
const takingIn = new TakingIn(project, work);
const camera = new Camera(project, takingIn);
const tray = new Tray(project);
const slider = new SureSlider(project, (threshold) => {
  tray.threshold = threshold;
  tray.show();
});
const parts = [
  { show: showFrame }, // first: what is hidden has no size
  work,
  new ClassList(project, { takingIn, camera }),
  tray,
  new ChoiceBar(project, tray),
  slider,
  new AdviceList(project),
];
fillWelcome(project, takingIn);

let unreached = false;
project.addEventListener("change", () => {
  if (unreached && project.reached) forgive();
  unreached = !project.reached;
  for (const part of parts) part.show();
});
project.addEventListener("refused", ({ error }) => {
  unreached ||= error.status === 0;
  refuse(error.message);
});

byId("add-pictures").addEventListener("click", () => takingIn.choose(""));
byId("add-tray-folder").addEventListener("click", () => takingIn.choose("", { folder: true }));
byId("take").addEventListener("click", () => showTakeAlong(project, slider.threshold));
byId("project").addEventListener("click", () => showProjects(project, ({ message }) => refuse(message)));
byId("undo").addEventListener("click", () => goBack("undo"));
byId("redo").addEventListener("click", () => goBack("redo"));
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.target.matches("input, textarea, select")) return;
  const key = event.key.toLowerCase();
  if (key !== "z" && key !== "y") return;
  event.preventDefault();
  goBack(key === "y" || event.shiftKey ? "redo" : "undo");
});

async function goBack(direction) {
  const answer = await project.change(() => server[direction]());
  if (answer) note(answer.undone);
}

function showFrame() {
  const { classes, tray: pictures, answers } = project;
  const fresh = !classes.length && !pictures.length;
  document.body.dataset.state = fresh ? "welcome" : "sorting";
  document.title = project.name ? `${project.name} – metaadapter` : "metaadapter";
  byId("welcome").hidden = !fresh;
  byId("classes").hidden = fresh;
  byId("sorting").hidden = fresh;
  setText(byId("project"), project.name);
  byId("project").setAttribute("aria-label", say("project_label", { name: project.name }));
  setText(byId("saved"), project.kept ? say("saved") : say("saving"));
  byId("undo").disabled = !project.can_undo;
  byId("redo").disabled = !project.can_redo;
  byId("take").disabled = !project.ready;
  const { key, ...values } = nextStep(project, pictures.some((picture) => answers[picture]));
  setText(byId("next-step"), say(key, values));
  byId("tray-tools").hidden = !pictures.length;
  const leaves = document.activeElement === byId("tray") && !pictures.length;
  byId("tray").hidden = !pictures.length;
  if (leaves) byId("tray-title").focus({ preventScroll: true });
  byId("tray-keys").hidden = !pictures.length;
  byId("tray-empty").hidden = Boolean(pictures.length);
  setText(byId("tray-empty"), say("tray_empty"));
  setText(byId("footer"), say("footer", { encoder: project.encoder, folder: project.folder }));
  showSections(classes.length, pictures.length);
}

/** On a narrow window the two halves stand one below the other: two links go to each. */
function showSections(n_classes, n_pictures) {
  if (!byId("sections").children.length)
    byId("sections").append(
      element("a", { href: "#classes-title" }),
      element("a", { href: "#tray-title" }),
    );
  const [classes, pictures] = byId("sections").children;
  setText(classes, say("to_classes", { n: n_classes }));
  setText(pictures, say("to_pictures", { n: n_pictures }));
}

project.follow();
