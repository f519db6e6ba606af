/** The line that tells of changes which this browser keeps at a former address of the project. */
import { byId, element, setChildren } from "./element.js";
import { leftElsewhere } from "./outbox.js";
import { say } from "./words.js";

export class LeftElsewhere {
  #project;
  #shown = "";

  constructor(project) {
    this.#project = project;
  }

  show() {
    const left = leftElsewhere(this.#project.place);
    byId("left-elsewhere").hidden = !left.length;
    if (this.#shown === JSON.stringify(left)) return; // the focus stays on a link
    this.#shown = JSON.stringify(left);
    setChildren(
      byId("left-elsewhere"),
      left.map(({ port, n }) => {
        const link = element("a", { href: `http://${location.hostname}:${port}/` }, say("left_elsewhere_send"));
        return element("p.elsewhere", {}, say("left_elsewhere", { n }), " ", link, " ", say("left_elsewhere_else", { port }));
      }),
    );
  }
}
