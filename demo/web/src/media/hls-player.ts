/** Plays a live stream by HLS: with hls.js, which is loaded when the first one is played, or as the browser can by itself. */

import { encodePath, playToken } from "./flv-player";

const TYPE = "application/vnd.apple.mpegurl";

/**
 * Where a stream's first playlist is.
 *
 * @param root the server's root as this page reaches it, such as `../`.
 */
export function hlsAddress(path: string, root: string): string {
  const token = playToken();
  const query = token === null ? "" : `?token=${encodeURIComponent(token)}`;
  return new URL(`${root}${encodePath(path)}.m3u8${query}`, window.location.href).href;
}

/**
 * Begins to play.
 *
 * @param told gets what goes wrong, in words.
 * @returns ends it.
 */
export function playHls(video: HTMLVideoElement, address: string, told: (problem: string) => void): () => void {
  let ended = false;
  let destroy = (): void => undefined;
  const begin = async (): Promise<void> => {
    const { default: Hls } = await import("hls.js");
    if (ended) return;
    if (Hls.isSupported()) {
      const player = new Hls({ lowLatencyMode: true, enableWorker: false });
      destroy = () => player.destroy();
      player.on(Hls.Events.ERROR, (_name, error) => {
        if (!ended && error.fatal) told(inWords(error.details, error.response?.code));
      });
      player.on(Hls.Events.MANIFEST_PARSED, () => void start(video));
      player.loadSource(address);
      player.attachMedia(video);
    } else if (video.canPlayType(TYPE) !== "") {
      destroy = () => video.removeAttribute("src");
      video.onerror = () => told("It cannot be played.");
      video.src = address;
      await start(video);
    } else told("This browser cannot play it: it has neither HLS nor Media Source Extensions.");
  };
  begin().catch(() => {
    if (!ended) told("The player could not be loaded. Check the network, then try again.");
  });
  return () => {
    ended = true;
    video.onerror = null;
    destroy();
  };
}

/** Without a click on this page, browsers play no sound: the picture begins, the sound is one click away. */
async function start(video: HTMLVideoElement): Promise<void> {
  await video.play().catch(() => {
    video.muted = true;
    void video.play().catch(() => undefined);
  });
}

function inWords(detail: string, status: number | undefined): string {
  if (status === 401) return "It cannot be played: it needs a token in this page's address.";
  if (status === 403) return "It cannot be played: you may not.";
  if (status === 404) return "It cannot be played: nobody publishes it.";
  if (status === 503) return "It cannot be played: it has sent nothing yet, or the server is full.";
  return `It cannot be played: ${detail}.`;
}
