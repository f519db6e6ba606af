/** The cameras of this device, and single pictures of their stream. */
import { element } from "./element.js";

/** The stream of a camera; with "" of the one at the back, if there is one. */
export async function openCamera(device) {
  if (!navigator.mediaDevices) throw new DOMException("", "NotFoundError");
  const video = device ? { deviceId: { exact: device } } : { facingMode: "environment" };
  return navigator.mediaDevices.getUserMedia({ video });
}

/** Pairs of the id and the name of every camera; the names are known once one was allowed. */
export async function camerasOf() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(({ kind }) => kind === "videoinput").map(({ deviceId, label }) => [deviceId, label]);
}

/**
 * The picture that a video shows now, as a JPEG file.
 *
 * @param {HTMLVideoElement} video
 * @param {number} side - the most pixels of a side.
 * @param {number} quality - of JPEG, up to 1.
 */
export async function photograph(video, side, quality) {
  const scale = Math.min(1, side / Math.max(video.videoWidth, video.videoHeight));
  const canvas = element("canvas", {
    width: Math.round(video.videoWidth * scale),
    height: Math.round(video.videoHeight * scale),
  });
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  const time = new Date().toISOString().replace(/[:.]/g, "-");
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
  return new File([blob], `camera-${time}.jpg`, { type: "image/jpeg" });
}
