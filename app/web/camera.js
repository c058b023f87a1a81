// This device's cameras.
import { Failure } from "./failure.js";

const KINDS = {
  NotAllowedError: "cameraRefused",
  SecurityError: "cameraRefused",
  NotFoundError: "cameraMissing",
  OverconstrainedError: "cameraMissing",
  NotReadableError: "cameraBusy",
  AbortError: "cameraBusy",
};

/**
 * Ask the user for a camera and open it.
 *
 * @param {string} deviceId Which one; empty for the one facing the user.
 * @returns {Promise<MediaStream>}
 * @throws {Failure} insecure, cameraMissing, cameraRefused or cameraBusy.
 */
export async function openCamera(deviceId = "") {
  if (!window.isSecureContext || !navigator.mediaDevices) throw new Failure("insecure");
  const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
  const video = { ...which, width: { ideal: 1280 }, height: { ideal: 720 } };
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio: false });
  } catch (error) {
    throw new Failure(KINDS[error.name] ?? "cameraBusy");
  }
}

/** Every camera that the browser names, once one has been allowed. */
export async function listCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((device) => device.kind === "videoinput" && device.deviceId);
}
