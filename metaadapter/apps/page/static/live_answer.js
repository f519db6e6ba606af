/** The answer for what a video shows, several times a second; no picture is kept. */
import { predictionText } from "./answer_text.js";
import { photograph } from "./camera_stream.js";
import { element, setText } from "./element.js";
import { server } from "./server.js";
import { percent, say } from "./words.js";

const EVERY = 250; // milliseconds; a slower server gets fewer pictures, for one is sent at a time
const SIDE = 512; // pixels; encoders see fewer

export class LiveAnswer {
  #project;
  #video;
  #name = element("span.answer-name");
  #probability = element("span.answer-probability");
  #bar = element("span.bar", { "aria-hidden": "true" });
  #stopped = new AbortController();

  constructor(project, video) {
    this.#project = project;
    this.#video = video;
    this.node = element("p.live-answer", {}, element("span.answer", {}, this.#name, this.#probability), this.#bar);
    this.#repeat();
  }

  end() {
    this.#stopped.abort();
  }

  async #repeat() {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const pause = new Promise((resume) => setTimeout(resume, EVERY));
      if (!this.#project.ready) this.#show(say("camera_no_answer"));
      else if (this.#video.videoWidth && !document.hidden)
        await this.#ask(signal).catch(({ name, message }) => name !== "AbortError" && this.#show(message));
      await pause;
    }
  }

  async #ask(signal) {
    const file = await photograph(this.#video, SIDE, 0.8);
    const { predictions } = await server.predictNow(file, signal);
    if (!predictions.length) return;
    const [{ label, labels, probability, unfamiliar }] = predictions;
    if (unfamiliar || labels) this.#show(predictionText(predictions[0]));
    else this.#show(label, probability);
  }

  #show(text, probability) {
    setText(this.#name, text);
    setText(this.#probability, probability === undefined ? "" : percent(probability));
    this.#bar.style.setProperty("--part", probability ?? 0);
  }
}
