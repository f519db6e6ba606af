/** Pictures from the camera, where the browser and the person let it be used. */
import { showDialog } from "./dialog.js";
import { byId, element } from "./element.js";
import { readOut } from "./messages.js";
import { say } from "./words.js";

const LONGEST = 1280; // pixels of the longer side

export class Camera {
  #project;
  #takingIn;

  constructor(project, takingIn) {
    this.#project = project;
    this.#takingIn = takingIn;
    byId("add-camera").addEventListener("click", () => this.open(""));
  }

  /** Opens the camera; each picture goes to a class, or with "" to the tray. */
  async open(target) {
    const place = target ? this.#project.className(target) : say("tray_title");
    const video = element("video", { autoplay: true, muted: true, playsInline: true });
    const words = element("p", { role: "status" }, say("camera_waiting"));
    let n = 0;
    const shoot = element("button.primary", { type: "button", disabled: true }, say("camera_shoot"));
    const dialog = showDialog(say("camera_title", { name: place }), video, words, element("div.choices", {}, shoot));
    const stream = await cameraOf(words);
    if (!stream) return;
    const end = () => stream.getTracks().forEach((track) => track.stop());
    if (!dialog.isConnected) return void end();
    dialog.addEventListener("close", end);
    video.srcObject = stream;
    video.addEventListener("loadeddata", () => {
      words.textContent = say("camera_ready");
      shoot.disabled = false;
      shoot.focus();
    });
    shoot.addEventListener("click", async () => {
      const file = await picture(video);
      n += 1;
      words.textContent = say("camera_taken", { n });
      readOut(words.textContent);
      await this.#takingIn.take({ files: [{ file, path: file.name }], folders: [] }, target);
    });
  }
}

async function cameraOf(words) {
  try {
    if (!navigator.mediaDevices) throw new DOMException("", "NotFoundError");
    return await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch (error) {
    words.textContent = say(error.name === "NotAllowedError" ? "camera_refused" : "camera_none");
    return null;
  }
}

async function picture(video) {
  const scale = Math.min(1, LONGEST / Math.max(video.videoWidth, video.videoHeight));
  const canvas = element("canvas", {
    width: Math.round(video.videoWidth * scale),
    height: Math.round(video.videoHeight * scale),
  });
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  const time = new Date().toISOString().replace(/[:.]/g, "-");
  return new File([blob], `camera-${time}.jpg`, { type: "image/jpeg" });
}
