/** An upload: sends files in portions, measures its progress, and can be stopped at any time. */
import { isUploadable } from "./dropped_files.js";
import { random } from "./outbox.js";

const MAX_FILES = 50; // in a portion
const MAX_BYTES = 64e6;

export class Upload {
  drop = random(); // all portions are one edit
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
   * @param {function(Object[], Object): Promise<Object>} send - sends a portion; its reply has the `failure`, if any.
   * @param {function()} progress - called before each portion.
   * @returns {Promise<{added: string[], known_already: string[], refused: Object[], failure: ?Error}>}
   */
  async run(send, progress) {
    const result = { added: [], known_already: [], refused: [], failure: null };
    const { signal } = this.#stopped;
    for (const [n, portion] of portions(this.files).entries()) {
      progress();
      const added = signal.aborted ? { failure: signal.reason } : await send(portion, { drop: this.drop, n, signal });
      if (added.failure) return { ...result, ...added };
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
