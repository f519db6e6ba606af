/** The bar below the tray: puts the selected pictures into a class. */
import { shownByAll } from "./answers.js";
import { classButtons, otherClassButton } from "./class_picker.js";
import { button, byId, html, render } from "./html.js";
import { NONE } from "./piles.js";
import { project } from "./project.js";
import { server } from "./server.js";
import { tray } from "./tray.js";
import { actions } from "./tray_actions.js";
import { say } from "./words.js";

const PAUSE = 300; // milliseconds without a change of the selection, before the server compares it
const bar = byId("selection");
let asked = ""; // the selection that is compared
let copies = null; // what the server says of it

// The focus stays in the tray, so that keys go on working after a click.
bar.addEventListener("mousedown", (event) => {
  if (event.target.closest("button")) event.preventDefault();
});
bar.addEventListener("click", (event) => tray.mayAct() || event.stopPropagation(), true);
tray.addEventListener("selection", showSelection);

export function showSelection() {
  const { selected } = tray;
  const { classes, answers, labels, several } = project;
  bar.hidden = !selected.length || !classes.length;
  if (bar.hidden) return;
  askForCopies(selected);
  const isWaiting = selected.some((picture) => answers[picture] && !labels.has(picture));
  const isLabelled = selected.some((picture) => labels.has(picture));
  render(bar, html`
    <p class="selection-text">${say(several ? "show_selected" : "put_selected", { n: selected.length })}</p>
    <div class="selection-classes">
      ${classButtons(selected, several ? shownByAll(selected) : [], (id) => actions.put(id))}
    </div>
    <div class="selection-others">
      ${otherClassButton(() => actions.chooseClass())}
      ${action("none_of_these", "0", () => actions.put(NONE), { class: "put-none" })}
      ${action("accept_selected", "↵", () => actions.accept(), { class: "primary", hidden: !isWaiting })}
      ${action("take_back", "B", () => actions.takeBack(), { hidden: !isLabelled })}
      ${action("enlarge", "V", () => tray.enlarge(), { disabled: selected.length !== 1 })}
      ${project.has_others && button("move", () => actions.move(), { class: "quiet" })}
      ${action("remove", say("delete_key"), () => actions.remove())}
    </div>
    ${copies && copiesLine(copies, selected.length)}`);
}

/** Asks the server for near copies among several selected pictures; shows the bar again if there are any. */
function askForCopies(selected) {
  const key = selected.join();
  if (key === asked) return;
  [asked, copies] = [key, null];
  if (selected.length < 2 || project.several) return;
  setTimeout(async () => {
    const found = asked === key && (await server.copies(selected).catch(() => null));
    if (asked !== key || !found?.n_copies) return;
    copies = found;
    showSelection();
  }, PAUSE);
}

function copiesLine({ kept, n_copies }, of) {
  return html`
    <p class="selection-copies">
      ${say("copies", { of, n: kept.length, copies: n_copies })}
      ${button("copies_keep", () => tray.selectPictures(kept), { class: "quiet", hidden: !kept.length })}
    </p>`;
}

/** A button after whose action the focus returns to the tray, if the button is disabled or hidden then. */
function action(key, shortcut, act, properties) {
  const onclick = () => {
    const { activeElement } = document;
    act();
    if (activeElement?.disabled || !activeElement?.checkVisibility()) tray.focus();
  };
  return button(key, onclick, { class: "quiet", shortcut, ...properties });
}
