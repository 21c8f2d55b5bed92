/** The two elements that play tracks. */

import { useEffect, useRef, useState } from "preact/hooks";

import { useApp } from "../app";
import { loadPreferences } from "../media/devices";

interface VideoViewProps {
  readonly track: MediaStreamTrack;
  readonly mirrored?: boolean;
  readonly contain?: boolean;
  readonly label: string;
}

/** A picture; it fades in with its first frame, so that no black rectangle flashes. */
export function VideoView({ track, mirrored = false, contain = false, label }: VideoViewProps) {
  const element = useRef<HTMLVideoElement>(null);
  const [ready, setReady] = useState(false);
  useEffect(() => {
    const video = element.current;
    if (!video) return;
    setReady(false);
    video.srcObject = new MediaStream([track]);
    // Muted video may always play; a refusal only means that the element went away meanwhile.
    video.play().catch(() => undefined);
    return () => {
      video.srcObject = null;
    };
  }, [track]);
  const classes = ["video", ready && "ready", mirrored && "mirrored", contain && "contain"].filter(Boolean).join(" ");
  return (
    <video
      ref={element}
      class={classes}
      aria-label={label}
      autoplay
      playsInline
      muted
      onLoadedData={() => setReady(true)}
    />
  );
}

const playing = new Set<HTMLAudioElement>();

/** The sound of one remote microphone. It is invisible; where autoplay is forbidden the room shows a button. */
export function AudioView({ track }: { track: MediaStreamTrack }) {
  const { store } = useApp();
  const element = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    const audio = element.current;
    if (!audio) return;
    audio.srcObject = new MediaStream([track]);
    playing.add(audio);
    void routeTo(audio, loadPreferences().speakerId);
    audio.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") store.update({ audioBlocked: true });
    });
    return () => {
      playing.delete(audio);
      audio.srcObject = null;
    };
  }, [track]);
  return <audio ref={element} autoplay />;
}

/** Starts every sound that autoplay held back; call it from a click. */
export async function unblockAudio(): Promise<boolean> {
  const results = await Promise.allSettled([...playing].map((audio) => audio.play()));
  return results.every(({ status }) => status === "fulfilled");
}

export const canChooseSpeaker = (): boolean => "setSinkId" in HTMLMediaElement.prototype;

export async function chooseSpeaker(deviceId: string): Promise<void> {
  await Promise.all([...playing].map((audio) => routeTo(audio, deviceId)));
}

async function routeTo(audio: HTMLAudioElement, deviceId: string): Promise<void> {
  if (!canChooseSpeaker() || audio.sinkId === deviceId) return;
  try {
    await audio.setSinkId(deviceId);
  } catch {
    // The remembered speaker is unplugged: the system's default plays.
  }
}
