/** The dialog of all keys: of the tray, and of an enlarged picture. */
import { showDialog } from "./dialog.js";
import { html } from "./html.js";
import { project } from "./project.js";
import { say } from "./words.js";

const TRAY = ["move", "accept", "put", "none", "choose", "take_back", "remove", "enlarge", "select", "extend", "group", "all", "unselect", "undo", "show"];
const ENLARGED = ["step", "accept", "put", "none", "choose", "take_back", "remove", "close", "undo", "show"];

export function showKeys() {
  const row = (name) => {
    const words = say(`keys_${name === "put" && project.several ? "turn" : name}`);
    const [keys, text] = words.split(": ");
    return html`
      <li key=${name}><span class="key-names">${keys.split(" ").map((key) => html`<kbd>${key}</kbd>`)}</span><span>${text}</span></li>`;
  };
  const part = (title, names) => html`<div><h3>${say(title)}</h3><ul class="things">${names.map(row)}</ul></div>`;
  showDialog(() => say("keys"), () => [part("tray_title", TRAY), part("keys_enlarged", ENLARGED)], "keys-dialog");
}
