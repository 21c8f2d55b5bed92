/** Plays one stream, by HTTP-FLV or by HLS. */

import { useEffect, useRef, useState } from "preact/hooks";

import { flvAddress, playFlv } from "../src/media/flv-player";
import { hlsAddress, playHls } from "../src/media/hls-player";

type Form = "flv" | "hls";

/** Browsers that cannot take FLV have no MediaSource: phones, which know HLS. */
function usualForm(): Form {
  const asked = new URLSearchParams(window.location.search).get("by");
  return asked === "hls" || !("MediaSource" in window) ? "hls" : "flv";
}

export function Player(props: { path: string; onClose: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [form, setForm] = useState<Form>(usualForm);

  useEffect(() => {
    setProblem(null);
    if (video.current === null) return undefined;
    return form === "hls"
      ? playHls(video.current, hlsAddress(props.path, "../"), setProblem)
      : playFlv(video.current, flvAddress(props.path, "../"), setProblem);
  }, [props.path, form]);

  return (
    <section class="card player" aria-label={`Playing ${props.path}`}>
      <header>
        <h2>{props.path}</h2>
        <label>
          by{" "}
          <select value={form} onChange={(event) => setForm(event.currentTarget.value === "hls" ? "hls" : "flv")}>
            <option value="flv">HTTP-FLV</option>
            <option value="hls">HLS</option>
          </select>
        </label>
        <button type="button" onClick={props.onClose}>
          Close
        </button>
      </header>
      <video ref={video} controls playsInline />
      <p role="status">{problem}</p>
    </section>
  );
}
