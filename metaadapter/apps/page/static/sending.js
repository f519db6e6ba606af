/** Sends pictures in portions, tells how far it is, and can be stopped between and within them. */
import { maySend } from "./dropped_files.js";

const AT_ONCE = 32; // files in a portion
const BYTES_AT_ONCE = 16e6;

export class Sending {
  done = 0; // bytes
  total = 0;
  #began = performance.now();
  #stopped = new AbortController();

  /** @param {{file: File, path: string}[]} files */
  constructor(files) {
    this.files = files.filter(maySend);
    this.unfit = files.filter((file) => !maySend(file));
    this.total = this.files.reduce((sum, { file }) => sum + file.size, 0);
  }

  get secondsLeft() {
    const seconds = (performance.now() - this.#began) / 1000;
    return this.done ? (seconds * (this.total - this.done)) / this.done : null;
  }

  stop() {
    this.#stopped.abort();
  }

  /**
   * @param {function(Object[], AbortSignal): Promise<?Object>} add - sends a portion; null: refused.
   * @param {function()} progress - called before each portion.
   * @returns {Promise<{added: string[], known_already: string[], refused: Object[], whole: boolean}>}
   *   `whole` is whether all of them were sent.
   */
  async send(add, progress) {
    const result = { added: [], known_already: [], refused: [], whole: true };
    for (const portion of portions(this.files)) {
      progress();
      const answer = this.#stopped.signal.aborted ? null : await add(portion, this.#stopped.signal);
      if (!answer) return { ...result, whole: false };
      for (const key of ["added", "known_already", "refused"]) result[key].push(...answer[key]);
      this.done += portion.reduce((sum, { file }) => sum + file.size, 0);
    }
    return result;
  }
}

/** Consecutive files, few enough and small enough for one request; a large file goes alone. */
export function portions(files) {
  const all = [];
  let bytes = Infinity;
  for (const given of files) {
    const last = all.at(-1);
    if (!last || last.length === AT_ONCE || bytes + given.file.size > BYTES_AT_ONCE) {
      all.push([given]);
      bytes = given.file.size;
    } else {
      last.push(given);
      bytes += given.file.size;
    }
  }
  return all;
}
