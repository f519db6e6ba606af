/** The first screen: three steps, and the two ways to begin. */
import { makeClasses } from "./class_list.js";
import { byId, element } from "./element.js";
import { say } from "./words.js";

export function fillWelcome(project, takingIn) {
  const names = [1, 2].map((at) =>
    element("input", {
      id: `first-class-${at}`,
      maxLength: 200,
      required: true,
      autocomplete: "off",
      placeholder: say(`welcome_example_${at}`),
    }),
  );
  const form = element(
    "form.first-classes",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        const wanted = names.map((field) => field.value.trim());
        if (wanted.every(Boolean) && (await makeClasses(project, wanted)))
          byId("classes-title").focus();
      },
    },
    ...names.map((field, at) =>
      element("label", {}, element("span", {}, say(`welcome_class_${at + 1}`)), field),
    ),
    element("button.primary", { type: "submit" }, say("welcome_begin")),
  );
  const folders = element(
    "div.drop",
    { "data-drop": "folders" },
    element("p", {}, say("welcome_drop")),
    element(
      "button",
      { type: "button", onclick: () => takingIn.choose("folders", { folder: true }) },
      say("welcome_choose"),
    ),
  );
  byId("welcome").append(
    element("h1", { id: "welcome-title" }, say("welcome_title")),
    element(
      "ol.steps",
      {},
      ...[1, 2, 3].map((at) =>
        element("li", {}, element("strong", {}, say(`step_${at}`)), element("span", {}, say(`step_${at}_words`))),
      ),
    ),
    element("div.ways", {}, form, element("p.muted.or", {}, say("welcome_or")), folders),
    element("p.muted.promise", {}, say("welcome_promise")),
  );
}
