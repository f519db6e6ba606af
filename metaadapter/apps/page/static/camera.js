/** Pictures from the camera, if the browser and the person allow it. */
import { showDialog } from "./dialog.js";
import { byId, element } from "./element.js";
import { readOut } from "./messages.js";
import { say } from "./words.js";

const MAX_SIDE = 1280; // pixels

export class Camera {
  #project;
  #uploads;

  constructor(project, uploads) {
    this.#project = project;
    this.#uploads = uploads;
    byId("add-camera").addEventListener("click", () => this.open(""));
  }

  /** Opens the camera; each picture goes to a class, or with "" to the tray. */
  async open(target) {
    const name = target ? this.#project.className(target) : say("tray_title");
    const video = element("video", { autoplay: true, muted: true, playsInline: true });
    const status = element("p", { role: "status" }, say("camera_waiting"));
    let n = 0;
    const shoot = element("button.primary", { type: "button", disabled: true }, say("camera_shoot"));
    const dialog = showDialog(say("camera_title", { name }), video, status, element("div.choices", {}, shoot));
    const stream = await cameraStream(status);
    if (!stream) return;
    const stop = () => stream.getTracks().forEach((track) => track.stop());
    if (!dialog.isConnected) return void stop();
    dialog.addEventListener("close", stop);
    video.srcObject = stream;
    video.addEventListener("loadeddata", () => {
      status.textContent = say("camera_ready");
      shoot.disabled = false;
      shoot.focus();
    });
    shoot.addEventListener("click", async () => {
      const file = await photograph(video);
      n += 1;
      status.textContent = say("camera_taken", { n });
      readOut(status.textContent);
      await this.#uploads.add({ files: [{ file, path: file.name }], folders: [] }, target);
    });
  }
}

async function cameraStream(status) {
  try {
    if (!navigator.mediaDevices) throw new DOMException("", "NotFoundError");
    return await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch (error) {
    status.textContent = say(error.name === "NotAllowedError" ? "camera_refused" : "camera_none");
    return null;
  }
}

async function photograph(video) {
  const scale = Math.min(1, MAX_SIDE / Math.max(video.videoWidth, video.videoHeight));
  const canvas = element("canvas", {
    width: Math.round(video.videoWidth * scale),
    height: Math.round(video.videoHeight * scale),
  });
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  const time = new Date().toISOString().replace(/[:.]/g, "-");
  return new File([blob], `camera-${time}.jpg`, { type: "image/jpeg" });
}
