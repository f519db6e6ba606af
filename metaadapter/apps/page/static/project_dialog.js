/** Projects: which one is open, the others, and a new one. */
import { showDialog } from "./dialog.js";
import { element } from "./element.js";
import { server } from "./interface.js";
import { say } from "./words.js";

/** @param project - a Project. @param {function(Error)} refused - shows what went wrong. */
export async function showProjects(project, refused) {
  const { projects } = await server.projects().catch((error) => {
    refused(error);
    return { projects: [] };
  });
  const go = async (ask) => {
    dialog.close();
    if (await project.change(ask)) location.reload();
  };
  const name = element("input", { id: "new-project-name", maxLength: 100, required: true });
  const form = element(
    "form.new-project",
    {
      autocomplete: "off",
      onsubmit: (event) => {
        event.preventDefault();
        if (name.value.trim()) go(() => server.newProject(name.value.trim()));
      },
    },
    element("label", { htmlFor: "new-project-name" }, say("project_new_label")),
    element("div.line", {}, name, element("button", { type: "submit" }, say("project_new"))),
  );
  const dialog = showDialog(
    say("projects_title"),
    element("p", {}, say("project_now", { name: project.name })),
    element("p.muted.path", {}, say("project_folder", { folder: project.folder })),
    projects.length ? element("h3", {}, say("projects_others")) : null,
    element("ul.things", {}, ...projects.map((one) => entry(one, project, go))),
    form,
  );
}

function entry({ name, n_pictures, n_classes }, project, go) {
  const now = name === project.name;
  return element(
    "li",
    {},
    element(
      "button",
      { type: "button", disabled: now, onclick: () => go(() => server.openProject(name)) },
      name,
    ),
    element(
      "p.muted",
      {},
      now ? say("project_is_open") : say("project_holds", { n: n_pictures, classes: n_classes }),
    ),
  );
}
