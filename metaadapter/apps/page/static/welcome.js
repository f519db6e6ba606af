/** The first screen: three steps, and two ways to begin. */
import { addClasses } from "./add_classes.js";
import { byId, element } from "./element.js";
import { severalBox } from "./several_box.js";
import { say } from "./words.js";

export function showWelcome(project, uploads) {
  const fields = [1, 2].map((number) =>
    element("input", {
      id: `first-class-${number}`,
      maxLength: 120,
      required: true,
      autocomplete: "off",
      placeholder: say(`welcome_example_${number}`),
    }),
  );
  const form = element(
    "form.first-classes",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        const values = fields.map((field) => field.value.trim());
        if (values.every(Boolean) && (await addClasses(project, values)))
          byId("classes-title").focus();
      },
    },
    ...fields.map((field, index) =>
      element("label", {}, element("span", {}, say(`welcome_class_${index + 1}`)), field),
    ),
    element("button.primary", { type: "submit" }, say("welcome_begin")),
  );
  const folders = element(
    "div.drop",
    { "data-drop": "folders" },
    element("p", {}, say("welcome_drop")),
    element(
      "button",
      { type: "button", onclick: () => uploads.choose("folders", { folder: true }) },
      say("welcome_choose"),
    ),
  );
  byId("welcome").append(
    element("h2", { id: "welcome-title" }, say("welcome_title")),
    element(
      "ol.steps",
      {},
      ...[1, 2, 3].map((number) =>
        element("li", {}, element("strong", {}, say(`step_${number}`)), element("span", {}, say(`step_${number}_words`))),
      ),
    ),
    severalBox(project),
    element("div.ways", {}, form, element("p.muted.or", {}, say("welcome_or")), folders),
    element("p.muted.promise", {}, say("welcome_promise")),
  );
}
