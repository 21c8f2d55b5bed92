/** Plays one stream. */

import { useEffect, useRef, useState } from "preact/hooks";

import { flvAddress, playFlv } from "../src/media/flv-player";

export function Player(props: { path: string; onClose: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [problem, setProblem] = useState<string | null>(null);

  useEffect(() => {
    setProblem(null);
    return video.current === null ? undefined : playFlv(video.current, flvAddress(props.path, "../"), setProblem);
  }, [props.path]);

  return (
    <section class="player" aria-label={`Playing ${props.path}`}>
      <header>
        <h2>{props.path}</h2>
        <button type="button" onClick={props.onClose}>
          Close
        </button>
      </header>
      <video ref={video} controls playsInline />
      <p role="status">{problem}</p>
    </section>
  );
}
