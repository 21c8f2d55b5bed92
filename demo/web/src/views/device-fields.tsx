/** Choosing among microphones, cameras or speakers. */

import { useState } from "preact/hooks";

import { useApp, useAppState } from "../app";
import { type DeviceChoice, loadPreferences, savePreferences } from "../media/devices";
import { canChooseSpeaker, chooseSpeaker } from "./media-elements";

interface DeviceFieldProps {
  readonly label: string;
  readonly choices: readonly DeviceChoice[];
  readonly chosen: string;
  readonly onChoose: (id: string) => void;
}

export function MicrophoneField() {
  const { client } = useApp();
  const { devices, local } = useAppState();
  return (
    <DeviceField
      label="Microphone"
      choices={devices.microphones}
      chosen={deviceOf(local.mic.track) || loadPreferences().micId}
      onChoose={(id) => void client.media.choose("mic", id)}
    />
  );
}

export function CameraField() {
  const { client } = useApp();
  const { devices, local } = useAppState();
  return (
    <DeviceField
      label="Camera"
      choices={devices.cameras}
      chosen={deviceOf(local.camera.track) || loadPreferences().cameraId}
      onChoose={(id) => void client.media.choose("camera", id)}
    />
  );
}

/** Nothing where the browser has no choice to give. */
export function SpeakerField() {
  const { devices } = useAppState();
  const [chosen, setChosen] = useState(loadPreferences().speakerId);
  if (!canChooseSpeaker() || devices.speakers.length === 0) return null;
  const choose = (id: string): void => {
    savePreferences({ speakerId: id });
    setChosen(id);
    void chooseSpeaker(id);
  };
  return <DeviceField label="Speaker" choices={devices.speakers} chosen={chosen} onChoose={choose} />;
}

function DeviceField({ label, choices, chosen, onChoose }: DeviceFieldProps) {
  const known = choices.some(({ id }) => id === chosen);
  return (
    <label class="field">
      <span>{label}</span>
      <select
        class="input"
        disabled={choices.length === 0}
        value={known ? chosen : (choices[0]?.id ?? "")}
        onChange={(event) => onChoose(event.currentTarget.value)}
      >
        {choices.length === 0 && <option value="">None found</option>}
        {choices.map(({ id, label: text }) => (
          <option key={id} value={id}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

function deviceOf(track: MediaStreamTrack | null): string {
  return track?.getSettings().deviceId ?? "";
}
