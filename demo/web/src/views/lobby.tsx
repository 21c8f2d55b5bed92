/** Before the room: who you are, where you go, how you look and sound. */

import { useState } from "preact/hooks";

import { useApp, useAppState } from "../app";
import { useAudioLevel } from "../media/level";
import { loadPreferences, savePreferences } from "../media/devices";
import { randomId, writeRoomToUrl } from "../params";
import { MAX_NAME_LENGTH } from "../state";
import { Avatar } from "./avatar";
import { CameraField, MicrophoneField, SpeakerField } from "./device-fields";
import { Icon, Logo } from "./icons";
import { VideoView } from "./media-elements";

const ROOM_PATTERN = /[^\p{L}\p{N}._-]+/gu;

export function Lobby() {
  const { client, params } = useApp();
  const state = useAppState();
  const [name, setName] = useState(state.displayName);
  const [room, setRoom] = useState(state.roomId);
  const invited = params.roomId !== null;

  const submit = (event: Event): void => {
    event.preventDefault();
    const displayName = name.trim();
    const roomId = room.trim().replace(ROOM_PATTERN, "-") || randomId();
    if (!displayName) return;
    // The first click here says yes to the devices, and to links that join by themselves later.
    if (params.produce && !loadPreferences().trusted) void client.media.openPreferred();
    savePreferences({ displayName, trusted: true });
    writeRoomToUrl(roomId);
    client.join(roomId, displayName);
  };

  return (
    <div class="lobby">
      <header class="brand">
        <Logo />
        <span>Miso</span>
      </header>
      <main class={`lobby-card${params.produce ? "" : " watch-only"}`}>
        {params.produce && <Preview name={name} />}
        <form class="lobby-form" onSubmit={submit}>
          <h1>{invited ? "Ready to join?" : "Start a room"}</h1>
          <p class="soft">
            {invited ? "You were invited to this room." : "Pick a name for the room, then send its link to the others."}
          </p>
          <label class="field">
            <span>Your name</span>
            <input
              class="input"
              name="displayName"
              autocomplete="name"
              maxLength={MAX_NAME_LENGTH}
              required
              autoFocus
              value={name}
              onInput={(event) => setName(event.currentTarget.value)}
            />
          </label>
          <label class="field">
            <span>Room</span>
            <input
              class="input"
              name="roomId"
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
              maxLength={64}
              required
              value={room}
              onInput={(event) => setRoom(event.currentTarget.value)}
            />
          </label>
          {params.produce && (
            <details class="devices">
              <summary>Devices</summary>
              <MicrophoneField />
              <CameraField />
              <SpeakerField />
            </details>
          )}
          <button type="submit" class="button primary wide" disabled={!name.trim()}>
            Join the room
          </button>
        </form>
      </main>
    </div>
  );
}

/** Nothing opens before the first click on this site. */
function cameraOffText(): string {
  const { trusted, cameraOn } = loadPreferences();
  return !trusted && cameraOn ? "Camera and microphone open when you join" : "Your camera is off";
}

function Preview({ name }: { name: string }) {
  const { client } = useApp();
  const { local } = useAppState();
  const { mic, camera } = local;
  const micOn = mic.track !== null && !mic.muted;
  const level = useAudioLevel(micOn ? mic.track : null);
  return (
    <section class="preview" aria-label="Camera and microphone check">
      <div class="preview-picture">
        {camera.track ? (
          <VideoView track={camera.track} mirrored label="Your camera" />
        ) : (
          <div class="preview-empty">
            <Avatar name={name || "You"} seed={name} />
            <p>{camera.busy ? "Opening the camera…" : cameraOffText()}</p>
          </div>
        )}
        <div class="preview-buttons">
          <button
            type="button"
            class={`round-button${micOn ? "" : " off"}`}
            aria-pressed={!micOn}
            aria-label={micOn ? "Mute the microphone" : "Unmute the microphone"}
            disabled={mic.busy}
            onClick={() => void client.media.setMuted(micOn)}
          >
            <Icon name={micOn ? "mic" : "micOff"} />
          </button>
          <button
            type="button"
            class={`round-button${camera.track ? "" : " off"}`}
            aria-pressed={!camera.track}
            aria-label={camera.track ? "Turn the camera off" : "Turn the camera on"}
            disabled={camera.busy}
            onClick={() => void client.media.setCamera(!camera.track)}
          >
            <Icon name={camera.track ? "camera" : "cameraOff"} />
          </button>
        </div>
      </div>
      <div class="meter" role="img" aria-label={micOn ? "Microphone level" : "The microphone is off"}>
        <Icon name={micOn ? "mic" : "micOff"} />
        <div class="meter-track">
          <div class="meter-fill" style={{ transform: `scaleX(${level.toFixed(2)})` }} />
        </div>
      </div>
      <div role="status">
        {[mic.problem, camera.problem].map(
          (problem) =>
            problem && (
              <p key={problem} class="device-problem">
                <Icon name="warning" />
                {problem}
              </p>
            ),
        )}
      </div>
    </section>
  );
}
