/** Plays one stream by HTTP-FLV with mpegts.js. */

import mpegts from "mpegts.js";
import { useEffect, useRef, useState } from "preact/hooks";

import { encodePath } from "./api";

export function Player(props: { path: string; onClose: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [problem, setProblem] = useState<string | null>(null);

  useEffect(() => {
    setProblem(null);
    const element = video.current;
    if (element === null) return undefined;
    if (!mpegts.isSupported()) {
      setProblem("This browser cannot play it: it has no Media Source Extensions.");
      return undefined;
    }
    // A token for a stream that not everybody may play stands in the page's own address.
    const token = new URLSearchParams(window.location.search).get("token");
    const query = token === null ? "" : `?token=${encodeURIComponent(token)}`;
    const url = new URL(`../${encodePath(props.path)}.flv${query}`, window.location.href).href;
    const player = mpegts.createPlayer(
      { type: "flv", isLive: true, url },
      { enableWorker: false, lazyLoad: false, liveBufferLatencyChasing: true, autoCleanupSourceBuffer: true },
    );
    player.on(mpegts.Events.ERROR, (kind: string, detail: string) => setProblem(`It cannot be played: ${kind}, ${detail}.`));
    player.on(mpegts.Events.LOADING_COMPLETE, () => setProblem("The stream is over."));
    player.attachMediaElement(element);
    player.load();
    // Without a click on this page, browsers play no sound: the picture begins, the sound is one click away.
    void Promise.resolve(player.play()).catch(() => {
      element.muted = true;
      void element.play().catch(() => undefined);
    });
    return () => player.destroy();
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
