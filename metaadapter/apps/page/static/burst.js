/** A button that takes one picture when it is pressed, and more while it, or Space, is held. */

const EVERY = 200; // milliseconds

export class Burst {
  #actions;
  #timer = 0;
  #n = 0;
  #waiting = []; // pictures that were taken but not sent
  #sending = false;

  /**
   * @param {HTMLButtonElement} button
   * @param {HTMLElement} area - Space counts here, except in lists and on other buttons.
   * @param {{take: function(): Promise<File>, add: function(Object[]): Promise, count: function(number),
   *   done: function()}} actions - `count` gets the number of pictures so far.
   */
  constructor(button, area, actions) {
    this.#actions = actions;
    const begin = () => !button.disabled && this.#begin();
    const end = () => this.end();
    button.addEventListener("pointerdown", (event) => event.button === 0 && begin());
    for (const kind of ["pointerup", "pointercancel", "pointerleave", "blur"]) button.addEventListener(kind, end);
    // A click without a pointer comes from the Enter key or from a screen reader.
    button.addEventListener("click", ({ detail }) => {
      if (detail === 0 && begin()) end();
    });
    const isSpace = ({ key, target }) => key === " " && (target.closest("select, button") ?? button) === button;
    area.addEventListener("keydown", (event) => {
      if (!isSpace(event)) return;
      event.preventDefault();
      if (!event.repeat) begin();
    });
    area.addEventListener("keyup", (event) => {
      if (!isSpace(event)) return;
      event.preventDefault();
      end();
    });
  }

  #begin() {
    if (this.#timer) return false;
    this.#timer = setInterval(() => this.#shoot(), EVERY);
    this.#shoot();
    return true;
  }

  /** Ends what is held; the pictures so far are still sent. */
  end() {
    if (!this.#timer) return;
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#actions.done();
  }

  async #shoot() {
    this.#actions.count((this.#n += 1));
    const file = await this.#actions.take();
    this.#waiting.push({ file, path: file.name });
    if (this.#sending) return;
    this.#sending = true;
    while (this.#waiting.length) await this.#actions.add(this.#waiting.splice(0));
    this.#sending = false;
  }
}
