/** Plays a live stream by HTTP-FLV with mpegts.js, which is loaded when the first one is played. */

export function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

/** A token for a stream that not everybody may play stands in the page's own address. */
export function playToken(): string | null {
  return new URLSearchParams(window.location.search).get("token");
}

/**
 * Where a stream is.
 *
 * @param root the server's root as this page reaches it, such as `../`.
 */
export function flvAddress(path: string, root: string): string {
  const token = playToken();
  const query = token === null ? "" : `?token=${encodeURIComponent(token)}`;
  return new URL(`${root}${encodePath(path)}.flv${query}`, window.location.href).href;
}

/**
 * Begins to play.
 *
 * @param told gets what goes wrong, and that the stream is over, in words.
 * @returns ends it.
 */
export function playFlv(video: HTMLVideoElement, address: string, told: (problem: string) => void): () => void {
  let ended = false;
  let destroy = (): void => undefined;
  const begin = async (): Promise<void> => {
    const { default: mpegts } = await import("mpegts.js");
    if (ended) return;
    if (!mpegts.isSupported()) return told("This browser cannot play it: it has no Media Source Extensions.");
    const player = mpegts.createPlayer(
      { type: "flv", isLive: true, url: address },
      { enableWorker: false, lazyLoad: false, liveBufferLatencyChasing: true, autoCleanupSourceBuffer: true },
    );
    destroy = () => player.destroy();
    player.on(mpegts.Events.ERROR, (kind: string, detail: string, info?: { code?: number }) => {
      if (!ended) told(inWords(kind, detail, info?.code));
    });
    player.on(mpegts.Events.LOADING_COMPLETE, () => {
      if (!ended) told("The stream is over.");
    });
    player.attachMediaElement(video);
    player.load();
    // Without a click on this page, browsers play no sound: the picture begins, the sound is one click away.
    await Promise.resolve(player.play()).catch(() => {
      video.muted = true;
      void video.play().catch(() => undefined);
    });
  };
  begin().catch(() => {
    if (!ended) told("The player could not be loaded. Check the network, then try again.");
  });
  return () => {
    ended = true;
    destroy();
  };
}

function inWords(kind: string, detail: string, status: number | undefined): string {
  if (status === 401) return "It cannot be played: it needs a token in this page's address.";
  if (status === 403) return "It cannot be played: you may not.";
  if (status === 404) return "It cannot be played: nobody publishes it.";
  if (kind === "NetworkError") return "It cannot be played: the server does not answer, or the connection was lost.";
  return `It cannot be played: ${kind}, ${detail}.`;
}
