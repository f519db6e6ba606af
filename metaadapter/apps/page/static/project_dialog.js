/** The dialog of projects: the open one, which can be renamed, the others, and a form for a new one. */
import { showDialog } from "./dialog.js";
import { element } from "./element.js";
import { note } from "./messages.js";
import { server } from "./server.js";
import { severalBox } from "./several_box.js";
import { say } from "./words.js";

/** @param project - a Project. @param {function(Error)} onError - shows an error. */
export async function showProjects(project, onError) {
  const { projects, current } = await server.projects().catch((error) => {
    onError(error);
    return { projects: [], current: project.name };
  });
  const open = async (send) => {
    dialog.close();
    if (await project.change(send)) location.reload();
  };
  const remove = async (name) => {
    dialog.close();
    const deleted = await project.change(() => server.deleteProject(name));
    if (deleted) note(say("project_deleted", { name, place: deleted.place }));
  };
  const rename = async (name) => {
    dialog.close();
    if (name !== project.name) await project.change(() => server.renameProject(project.name, name));
  };
  const ofOpen = () => [
    element("p", {}, say("project_now", { name: project.name })),
    element("p.muted.path", {}, say("project_folder", { folder: project.folder })),
    nameForm("project-name", "project_rename_label", "project_rename", project.name, rename),
    severalBox(project),
  ];
  const others = projects.filter(({ name }) => name !== current);
  const dialog = showDialog(
    say("projects_title"),
    ...(current ? ofOpen() : []),
    others.length ? element("h3", {}, say("projects_others")) : null,
    others.length ? element("ul.things", {}, ...others.map((listed) => item(listed, open, remove))) : null,
    nameForm("new-project-name", "project_new_label", "project_new", "", (name) => open(() => server.newProject(name))),
  );
}

function nameForm(id, label, action, value, send) {
  const name = element("input", { id, maxLength: 100, required: true, value });
  const onsubmit = (event) => {
    event.preventDefault();
    if (name.value.trim()) send(name.value.trim());
  };
  return element(
    "form.new-project",
    { autocomplete: "off", onsubmit },
    element("label", { htmlFor: id }, say(label)),
    element("div.line", {}, name, element("button", { type: "submit" }, say(action))),
  );
}

function item({ name, n_pictures, n_classes }, open, remove) {
  const onclick = () => {
    if (button.dataset.asked) return remove(name);
    button.dataset.asked = "yes"; // a second click on the same button confirms it
    button.textContent = say("project_delete_sure", { name });
    button.removeAttribute("aria-label");
    return undefined;
  };
  const label = say("of_class", { what: say("project_delete"), name });
  const button = element("button.quiet", { type: "button", onclick, "aria-label": label }, say("project_delete"));
  return element(
    "li",
    {},
    element("button", { type: "button", onclick: () => open(() => server.openProject(name)) }, name),
    element(
      "div.line",
      {},
      element("p.muted", {}, say("project_holds", { pictures: say("n_pictures", { n: n_pictures }), classes: say("n_classes", { n: n_classes }) })),
      button,
    ),
  );
}
