/** Cameras, microphones and speakers: listing them, opening them, and saying why one did not open. */

export interface DeviceChoice {
  readonly id: string;
  readonly label: string;
}

export interface DeviceLists {
  readonly microphones: readonly DeviceChoice[];
  readonly cameras: readonly DeviceChoice[];
  readonly speakers: readonly DeviceChoice[];
}

/** What is kept in the browser between visits. */
export interface Preferences {
  displayName: string;
  micId: string;
  cameraId: string;
  speakerId: string;
  micOn: boolean;
  cameraOn: boolean;
  /** They have joined a room here by a click: from then on a link may do it, with their devices. */
  trusted: boolean;
}

const PREFERENCES_KEY = "miso.preferences";
const DEFAULTS: Preferences = {
  displayName: "",
  micId: "",
  cameraId: "",
  speakerId: "",
  micOn: true,
  cameraOn: true,
  trusted: false,
};

export function loadPreferences(): Preferences {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(PREFERENCES_KEY) ?? "{}");
    return { ...DEFAULTS, ...(stored as Partial<Preferences>) };
  } catch {
    // Storage may be forbidden, or hold something else's text: begin anew.
    return { ...DEFAULTS };
  }
}

export function savePreferences(change: Partial<Preferences>): void {
  try {
    localStorage.setItem(PREFERENCES_KEY, JSON.stringify({ ...loadPreferences(), ...change }));
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

/** Labels are empty until the person has given permission once; then a number stands in. */
export async function listDevices(): Promise<DeviceLists> {
  const lists = { microphones: [] as DeviceChoice[], cameras: [] as DeviceChoice[], speakers: [] as DeviceChoice[] };
  if (!navigator.mediaDevices) return lists;
  const kinds = { audioinput: lists.microphones, videoinput: lists.cameras, audiooutput: lists.speakers };
  const names = { audioinput: "Microphone", videoinput: "Camera", audiooutput: "Speaker" };
  for (const device of await navigator.mediaDevices.enumerateDevices()) {
    const list = kinds[device.kind];
    if (device.deviceId === "") continue;
    list.push({ id: device.deviceId, label: device.label || `${names[device.kind]} ${list.length + 1}` });
  }
  return lists;
}

/** Opens a microphone: the named one, or any if that one is gone. */
export async function openMicrophone(deviceId: string): Promise<MediaStreamTrack> {
  const audio: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  return firstTrack(await open(deviceId, (id) => ({ audio: { ...audio, ...id } })));
}

/** Opens a camera: the named one, or any if that one is gone; 1280x720 at 30 frames a second where it can. */
export async function openCamera(deviceId: string): Promise<MediaStreamTrack> {
  const video: MediaTrackConstraints = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
  return firstTrack(await open(deviceId, (id) => ({ video: { ...video, ...id } })));
}

export async function openScreen(): Promise<MediaStreamTrack> {
  if (!navigator.mediaDevices?.getDisplayMedia) throw new DOMException("", "NotSupportedError");
  return firstTrack(
    await navigator.mediaDevices.getDisplayMedia({
      video: { width: { max: 1920 }, height: { max: 1080 }, frameRate: { max: 15 } },
      audio: false,
    }),
  );
}

export const canShareScreen = (): boolean => typeof navigator.mediaDevices?.getDisplayMedia === "function";

/** Says in plain words why a camera, a microphone or the screen could not be opened; null when the person cancelled. */
export function explainMediaError(what: "camera" | "microphone" | "screen", error: unknown): string | null {
  const name = error instanceof DOMException ? error.name : "";
  switch (name) {
    case "NotAllowedError":
      return what === "screen" ? null : `The browser blocks the ${what}. Allow it in the address bar, then switch it on again.`;
    case "NotFoundError":
      return `No ${what} was found. Connect one, then switch it on again.`;
    case "NotReadableError":
      return `The ${what} is in use by another program, or does not answer.`;
    case "NotSupportedError":
      return what === "screen"
        ? "This browser cannot share the screen."
        : `The browser offers the ${what} only to secure pages: open this page over HTTPS or on localhost.`;
    default:
      return `The ${what} could not be opened: ${error instanceof Error ? error.message || error.name : String(error)}`;
  }
}

async function open(
  deviceId: string,
  constraints: (id: MediaTrackConstraints) => MediaStreamConstraints,
): Promise<MediaStream> {
  if (!navigator.mediaDevices) throw new DOMException("", "NotSupportedError");
  if (!deviceId) return navigator.mediaDevices.getUserMedia(constraints({}));
  try {
    return await navigator.mediaDevices.getUserMedia(constraints({ deviceId: { exact: deviceId } }));
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== "OverconstrainedError") throw error;
    return navigator.mediaDevices.getUserMedia(constraints({}));
  }
}

function firstTrack(stream: MediaStream): MediaStreamTrack {
  const track = stream.getTracks()[0];
  if (!track) throw new DOMException("", "NotFoundError");
  return track;
}
