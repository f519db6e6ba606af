/** The requests to the server: one function for each, as `docs/reference/http.md` describes them. */
import { say, sayOf } from "./words.js";

/** The server refused a request or could not be reached; `message` is a sentence to show. */
export class Refusal extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

async function request(method, path, { json, form, signal } = {}) {
  const options = { method, signal, body: form, headers: { Accept: "application/json" } };
  if (json !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(json);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(say("server_gone"));
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response) {
  if (response.status === 401) return new Refusal(say("no_permission"), 401);
  const { error, ...wording } = await response.json().catch(() => ({}));
  return new Refusal(error ? sayOf(wording, error) : say("server_failed", { n: response.status }), response.status);
}

const get = async (path) => (await request("GET", path)).json();
const send = async (method, path, json) => (await request(method, path, { json })).json();

export const server = {
  project: () => get("/project"),
  answers: (since) => get(`/answers?since=${since}`),
  costs: () => get("/sure"),
  advice: () => get("/advice"),
  alike: () => get("/alike"),
  work: () => get("/work"),
  stopWork: () => send("POST", "/work/stop"),
  resumeWork: () => send("POST", "/work/resume"),
  addClass: (name) => send("POST", "/classes", { name }),
  changeClass: (id, changes) => send("PATCH", `/classes/${id}`, changes),
  removeClass: (id) => send("DELETE", `/classes/${id}`),
  label: (labels) => send("POST", "/labels", { labels }),
  removePictures: (pictures) => send("DELETE", "/pictures", { pictures }),
  undo: () => send("POST", "/undo"),
  redo: () => send("POST", "/redo"),
  projects: () => get("/projects"),
  classes: () => get("/classes"), // for phones
  phone: () => get("/phone"),
  newProject: (name) => send("POST", "/projects", { name }),
  openProject: (name) => send("POST", "/projects/open", { name }),

  /** Downloads a file; returns {blob, name}, with the name that the server gives. */
  async file(path) {
    const response = await request("GET", path);
    const [, name = ""] = /filename="([^"]*)"/.exec(response.headers.get("Content-Disposition")) ?? [];
    return { blob: await response.blob(), name };
  },

  /** The answer for a picture that is not kept, by the classifier as it is now. */
  async predictNow(file, signal) {
    const form = new FormData();
    form.append("pictures", file);
    return (await request("POST", "/predict?now=true", { form, signal })).json();
  },

  /**
   * @param {{file: File, path: string}[]} files
   * @param {string} target - id of a class, "" for the tray, "folders" to make a class of each folder.
   * @param {AbortSignal} signal
   */
  async addPictures(files, target, signal) {
    const form = new FormData();
    form.append("class", target);
    for (const { file, path } of files) form.append("pictures", file, path);
    return (await request("POST", "/pictures", { form, signal })).json();
  },
};

export const thumbnail = (picture) => `/pictures/${picture}?size=thumbnail`;
export const whole = (picture) => `/pictures/${picture}?size=whole`;
