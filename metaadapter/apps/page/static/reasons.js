/** The labelled pictures that an answer rests on, side by side, each with what the answer would be without it. */
import { button, html } from "./html.js";
import { project } from "./project.js";
import { server, thumbnail } from "./server.js";
import { percent, say } from "./words.js";

/** The reasons of one picture's answer, which are shown after a click on "Why?". */
export class Reasons {
  #of = ""; // the answer that the reasons are of
  #reasons = null;
  #refusal = "";

  /**
   * @param {string} picture
   * @param {Object} answer - the answer for it.
   * @param {function()} refresh - shows the view again.
   * @param {function(string)} onPicture - called with a labelled picture that is clicked.
   */
  view(picture, answer, refresh, onPicture) {
    const of = `${picture} ${JSON.stringify(answer)}`;
    if (this.#of !== of) return button("why", () => this.#ask(of, picture, refresh), { class: "quiet" });
    if (this.#refusal) return html`<p>${this.#refusal}</p>`;
    if (!this.#reasons) return html`<p class="muted">${say("why_asking")}</p>`;
    const { answer: id, names } = this.#reasons;
    return html`
      <div class="reasons">
        ${["for", "against"].map((side) => this.#side(side, id, onPicture))}
        ${names.map((one) => html`<p class="muted">${say("why_names", { answer: without(one, id) })}</p>`)}
      </div>`;
  }

  #side(side, id, onPicture) {
    const reasons = this.#reasons[side];
    return reasons.length > 0 && html`
      <p>${say(`why_${side}`, { name: project.className(id) })}</p>
      <div class="reasons-line">
        ${reasons.map((one) => html`
          <button class="quiet reason" type="button" onclick=${() => onPicture(one.picture)}>
            <img src=${thumbnail(one.picture)} alt=${project.names[one.picture] ?? ""}>
            <span>${project.className(one.class)}</span>
            <span class="muted">${say("why_without", { answer: without(one, id) })}</span>
          </button>`)}
      </div>`;
  }

  async #ask(of, picture, refresh) {
    [this.#of, this.#reasons, this.#refusal] = [of, null, ""];
    refresh();
    let [reasons, refusal] = [null, ""];
    try {
      reasons = await server.reasons(picture);
    } catch (error) {
      refusal = error.message;
    }
    if (this.#of !== of) return;
    [this.#reasons, this.#refusal] = [reasons, refusal];
    refresh();
  }
}

/** The answer without a reason: the class with this id with its new probability, or another class. */
function without({ answer, probability }, id) {
  const now = say("answer", { name: project.className(id), probability: percent(probability) });
  return answer === id ? now : say("why_other", { name: project.className(answer), answer: now });
}
