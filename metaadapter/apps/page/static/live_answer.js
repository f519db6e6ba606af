/** The answer for what a video shows, several times a second; no picture is kept. */
import { predictionText } from "./answers.js";
import { photograph } from "./camera.js";
import { create, html, render } from "./html.js";
import { project } from "./project.js";
import { server } from "./server.js";
import { percent, say } from "./words.js";

const EVERY = 250; // milliseconds; a slower server gets fewer pictures, for one is sent at a time
const SIDE = 512; // pixels; encoders see fewer

export class LiveAnswer {
  node = create(html`<p class="live-answer"></p>`);
  #video;
  #stopped = new AbortController();

  constructor(video) {
    this.#video = video;
    this.#repeat();
  }

  end() {
    this.#stopped.abort();
  }

  async #repeat() {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const pause = new Promise((resume) => setTimeout(resume, EVERY));
      if (!project.ready) this.#show(say("camera_no_answer"));
      else if (this.#video.videoWidth && !document.hidden)
        await this.#ask(signal).catch(({ name, message }) => name !== "AbortError" && this.#show(message));
      await pause;
    }
  }

  async #ask(signal) {
    const { predictions } = await server.predictNow(await photograph(this.#video, SIDE, 0.8), signal);
    if (!predictions.length) return;
    const [{ label, labels, probability, unfamiliar }] = predictions;
    if (unfamiliar || labels) this.#show(predictionText(predictions[0]));
    else this.#show(label, probability);
  }

  #show(text, probability) {
    render(this.node, html`
      <span class="answer">
        <span class="answer-name">${text}</span>
        <span class="answer-probability">${probability !== undefined && percent(probability)}</span>
      </span>
      <span class="bar" aria-hidden="true" style="--part: ${probability ?? 0}"></span>`);
  }
}
