/** The dialog of projects: the open one, the others, and a form for a new one. */
import { showDialog } from "./dialog.js";
import { element } from "./element.js";
import { server } from "./server.js";
import { say } from "./words.js";

/** @param project - a Project. @param {function(Error)} onError - shows an error. */
export async function showProjects(project, onError) {
  const { projects } = await server.projects().catch((error) => {
    onError(error);
    return { projects: [] };
  });
  const open = async (send) => {
    dialog.close();
    if (await project.change(send)) location.reload();
  };
  const name = element("input", { id: "new-project-name", maxLength: 100, required: true });
  const form = element(
    "form.new-project",
    {
      autocomplete: "off",
      onsubmit: (event) => {
        event.preventDefault();
        if (name.value.trim()) open(() => server.newProject(name.value.trim()));
      },
    },
    element("label", { htmlFor: "new-project-name" }, say("project_new_label")),
    element("div.line", {}, name, element("button", { type: "submit" }, say("project_new"))),
  );
  const dialog = showDialog(
    say("projects_title"),
    element("p", {}, say("project_now", { name: project.name })),
    element("p.muted.path", {}, say("project_folder", { folder: project.folder })),
    projects.length > 1 ? element("h3", {}, say("projects_others")) : null,
    projects.length > 1
      ? element("ul.things", {}, ...projects.map((listed) => item(listed, project, open)))
      : null,
    form,
  );
}

function item({ name, n_pictures, n_classes }, project, open) {
  const isOpen = name === project.name;
  return element(
    "li",
    {},
    element(
      "button",
      { type: "button", disabled: isOpen, onclick: () => open(() => server.openProject(name)) },
      name,
    ),
    element(
      "p.muted",
      {},
      isOpen ? say("project_is_open") : say("project_holds", { n: n_pictures, classes: n_classes }),
    ),
  );
}
