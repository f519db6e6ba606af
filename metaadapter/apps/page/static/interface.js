/** What the page asks of the server: one function a question, as `docs/reference/http.md` describes them. */
import { say } from "./words.js";

/** The server refused, or could not be reached; `message` is a sentence to show. */
export class Refusal extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

async function ask(method, path, { json, form, signal } = {}) {
  const request = { method, signal, body: form, headers: { Accept: "application/json" } };
  if (json !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(json);
  }
  let response;
  try {
    response = await fetch(path, request);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(say("server_gone"));
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response) {
  if (response.status === 401) return new Refusal(say("no_permission"), 401);
  const answer = await response.json().catch(() => ({}));
  return new Refusal(answer.error ?? say("server_failed", { n: response.status }), response.status);
}

const read = async (path) => (await ask("GET", path)).json();
const tell = async (method, path, json) => (await ask(method, path, { json })).json();

export const server = {
  project: () => read("/project"),
  answers: (since) => read(`/answers?since=${since}`),
  sure: () => read("/sure"),
  advice: () => read("/advice"),
  work: () => read("/work"),
  stopWork: () => tell("POST", "/work/stop"),
  addClass: (name) => tell("POST", "/classes", { name }),
  changeClass: (id, changes) => tell("PATCH", `/classes/${id}`, changes),
  removeClass: (id) => tell("DELETE", `/classes/${id}`),
  label: (labels) => tell("POST", "/labels", { labels }),
  removePictures: (pictures) => tell("DELETE", "/pictures", { pictures }),
  undo: () => tell("POST", "/undo"),
  redo: () => tell("POST", "/redo"),
  projects: () => read("/projects"),
  newProject: (name) => tell("POST", "/projects", { name }),
  openProject: (name) => tell("POST", "/projects/open", { name }),

  /** A file with the name that the server gives it: {blob, name}. */
  async file(path) {
    const response = await ask("GET", path);
    const [, name = ""] = /filename="([^"]*)"/.exec(response.headers.get("Content-Disposition")) ?? [];
    return { blob: await response.blob(), name };
  },

  /**
   * Sends pictures.
   *
   * @param {{file: File, path: string}[]} files
   * @param {string} target - id of a class, "" for the tray, "folders" for the classes that folders name.
   * @param {AbortSignal} signal
   */
  async addPictures(files, target, signal) {
    const form = new FormData();
    form.append("class", target);
    for (const { file, path } of files) form.append("pictures", file, path);
    return (await ask("POST", "/pictures", { form, signal })).json();
  },
};

export const thumbnail = (picture) => `/pictures/${picture}?size=thumbnail`;
export const whole = (picture) => `/pictures/${picture}?size=whole`;
