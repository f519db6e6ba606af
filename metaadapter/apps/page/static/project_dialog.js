/** The dialog of projects: the open one, which can be renamed, the others, and a form for a new one. */
import { pick, showDialog } from "./dialog.js";
import { byId, html } from "./html.js";
import { note, orError, showError } from "./messages.js";
import { project } from "./project.js";
import { edits, server } from "./server.js";
import { say } from "./words.js";

export async function showProjects() {
  const { projects, current } = await server.projects().catch((error) => {
    showError(error.message, "request");
    return { projects: [], current: project.place };
  });
  const others = projects.filter(({ folder }) => folder !== current);
  const open = async (send) => {
    dialog.close();
    if (await project.change(send)) location.reload();
  };
  const rename = async (name) => {
    dialog.close();
    if (name !== project.name) await project.change(() => server.renameProject(name));
  };
  const item = ({ folder, name, n_pictures, n_classes }) => {
    const [pictures, classes] = [say("n_pictures", { n: n_pictures }), say("n_classes", { n: n_classes })];
    return html`
      <li key=${folder}>
        <button type="button" onclick=${() => open(() => server.openProject(folder))}>${name}</button>
        <p class="muted">${say("project_holds", { pictures, classes })}</p>
      </li>`;
  };
  const ofOpen = () => html`
    <p>${say("project_now", { name: project.name })}</p>
    <p class="muted path">${say("project_folder", { folder: project.folder })}</p>
    ${nameForm("project-name", "project_rename", project.name, rename)}
    ${severalBox()}`;
  const dialog = showDialog(() => say("projects_title"), () => html`
    ${current && ofOpen()}
    ${others.length > 0 && html`<h3>${say("projects_others")}</h3><ul class="things">${others.map(item)}</ul>`}
    ${nameForm("new-project-name", "project_new", "", (name) => open(() => server.newProject(name)))}`);
}

/**
 * Asks for another project, and moves something there.
 *
 * @param {string} name - of what is moved.
 * @param {function(string): Object} edit - the edit for the folder of the project.
 */
export async function move(name, edit) {
  const listed = await orError(server.projects());
  if (!listed) return;
  const others = new Map(listed.projects.map((one) => [one.folder, one.name]));
  others.delete(listed.current);
  const to = await pick(() => say("of_class", { what: say("move"), name }), () => [...others]);
  if (!to || !(await project.change(edit(to)))) return;
  note(say("moved", { name, other: others.get(to) }), () => byId("undo").click());
}

function nameForm(id, action, name, send) {
  const onsubmit = (event) => {
    event.preventDefault();
    const given = event.target.elements[id].value.trim();
    if (given) send(given);
  };
  return html`
    <form class="new-project" key=${id} autocomplete="off" onsubmit=${onsubmit}>
      <label for=${id}>${say(`${action}_label`)}</label>
      <div class="line">
        <input id=${id} maxlength="100" required initial=${name}><button type="submit">${say(action)}</button>
      </div>
    </form>`;
}

/** The control that says whether a picture of the project can show several of its classes. */
export function severalBox() {
  const onchange = ({ target: { checked } }) =>
    project.change(edits.setSeveral(checked), () => (project.several = checked));
  return html`
    <label class="several-box">
      <input type="checkbox" checked=${project.several} onchange=${onchange}>
      <span>${say("several")}<span class="muted">${say("several_words")}</span></span>
    </label>`;
}
