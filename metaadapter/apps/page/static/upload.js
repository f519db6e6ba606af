/** An upload: sends files in portions, measures its progress, and can be stopped at any time. */
import { isUploadable } from "./dropped_files.js";

const MAX_FILES = 50; // in a portion
const MAX_BYTES = 64e6;

export class Upload {
  done = 0; // bytes
  total = 0;
  #sent = 0; // files
  #started = performance.now();
  #stopped = new AbortController();

  /** @param {{file: File, path: string}[]} files */
  constructor(files) {
    this.files = files.filter(isUploadable);
    this.unsuitable = files.filter((file) => !isUploadable(file));
    this.total = this.files.reduce((sum, { file }) => sum + file.size, 0);
  }

  get seconds_left() {
    const seconds = (performance.now() - this.#started) / 1000;
    return this.done ? (seconds * (this.total - this.done)) / this.done : null;
  }

  /** Files a second, null before the first portion is sent. */
  get per_second() {
    return this.#sent ? (this.#sent * 1000) / (performance.now() - this.#started) : null;
  }

  stop() {
    this.#stopped.abort();
  }

  /**
   * @param {function(Object[], AbortSignal): Promise<?Object>} send - sends a portion; null if refused.
   * @param {function()} progress - called before each portion.
   * @returns {Promise<{added: string[], known_already: string[], refused: Object[], complete: boolean}>}
   */
  async run(send, progress) {
    const result = { added: [], known_already: [], refused: [], complete: true };
    for (const portion of portions(this.files)) {
      progress();
      const added = this.#stopped.signal.aborted ? null : await send(portion, this.#stopped.signal);
      if (!added) return { ...result, complete: false };
      for (const key of ["added", "known_already", "refused"]) result[key].push(...added[key]);
      this.#sent += portion.length;
      this.done += portion.reduce((sum, { file }) => sum + file.size, 0);
    }
    return result;
  }
}

/** Groups of consecutive files that are small enough for one request; a large file goes alone. */
function portions(files) {
  const all = [];
  let bytes = Infinity;
  for (const entry of files) {
    bytes += entry.file.size;
    if (bytes > MAX_BYTES || all.at(-1).length === MAX_FILES) {
      all.push([]);
      bytes = entry.file.size;
    }
    all.at(-1).push(entry);
  }
  return all;
}
