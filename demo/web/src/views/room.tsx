/** The room: header, stage, side panel, controls, and what there is to say about the connection. */

import { useEffect } from "preact/hooks";

import { useApp, useAppState } from "../app";
import { ChatPanel } from "./chat-panel";
import { Dock } from "./dock";
import { Icon, Logo } from "./icons";
import { InviteButton } from "./invite-button";
import { LivePanel } from "./live-panel";
import { unblockAudio } from "./media-elements";
import { PeoplePanel } from "./people-panel";
import { Stage } from "./stage";
import { StatsPanel } from "./stats-panel";

export function Room() {
  const { phase, panel } = useAppState();
  return (
    <>
      <div class={`room${panel === "none" ? "" : " with-panel"}`} inert={phase === "ended"}>
        <Header />
        <div class="room-body">
          <div class="stage-frame">
            <Stage />
            <Notices />
          </div>
          {panel === "stats" && <StatsPanel />}
          {panel === "people" && <PeoplePanel />}
          {panel === "chat" && <ChatPanel />}
          {panel === "live" && <LivePanel />}
        </div>
        <Dock />
      </div>
      {phase === "ended" && <Ended />}
    </>
  );
}

function Header() {
  const { roomId, peers, phase, connections } = useAppState();
  const connecting = phase !== "joined" || Object.values(connections).some((state) => state && state !== "connected");
  const word = phase === "ended" ? "Ended" : phase === "joined" ? (connecting ? "Connecting" : "Live") : "Connecting";
  return (
    <header class="room-header">
      <div class="brand compact">
        <Logo />
        <span>Miso</span>
      </div>
      <h1 class="room-name" title={roomId}>
        {roomId}
      </h1>
      <span class={`status ${phase === "ended" ? "bad" : connecting ? "waiting" : "good"}`}>{word}</span>
      <span class="headcount" aria-label={`${peers.length + 1} in the room`}>
        <Icon name="people" />
        {peers.length + 1}
      </span>
      <InviteButton />
    </header>
  );
}

/** What floats above the tiles: alone, sound blocked, connection trouble. */
function Notices() {
  const { store } = useApp();
  const { phase, problem, peers, audioBlocked, streams, local } = useAppState();
  const alone = phase === "joined" && peers.length === 0;
  const hearing = audioBlocked && streams.some(({ kind }) => kind === "audio");
  const unblock = async (): Promise<void> => {
    if (await unblockAudio()) store.update({ audioBlocked: false });
  };
  // A page that captures may play sound without a click, but the first sound can come before the devices are open.
  const capturing = [local.mic, local.camera].some(({ track }) => track?.readyState === "live");
  useEffect(() => {
    if (audioBlocked && capturing) void unblock();
  }, [audioBlocked, capturing, local.mic.track, local.camera.track]);
  return (
    <div class="notices" aria-live="polite">
      {problem && phase !== "ended" && (
        <div class="notice trouble" role="alert">
          <span class="spinner" aria-hidden="true" />
          <div>
            <strong>{problem.title}</strong>
            <p>{problem.detail}</p>
          </div>
        </div>
      )}
      {!problem && phase === "connecting" && (
        <div class="notice">
          <span class="spinner" aria-hidden="true" />
          <strong>Joining…</strong>
        </div>
      )}
      {hearing && (
        <button type="button" class="notice button primary" onClick={() => void unblock()}>
          <Icon name="sound" />
          Click to hear the others
        </button>
      )}
      {alone && (
        <div class="notice empty">
          <div>
            <strong>You are the only one here</strong>
            <p>Send the link to the people you want to meet.</p>
          </div>
          <InviteButton prominent />
        </div>
      )}
    </div>
  );
}

function Ended() {
  const { client } = useApp();
  const { problem } = useAppState();
  return (
    <div class="curtain">
      <div class="dialog" role="alertdialog" aria-modal="true" aria-labelledby="ended-title" aria-describedby="ended-text">
        <span class="dialog-mark">
          <Icon name="warning" />
        </span>
        <h2 id="ended-title">{problem?.title ?? "The session has ended"}</h2>
        <p id="ended-text">{problem?.detail}</p>
        <div class="dialog-buttons">
          <button type="button" class="button primary" autoFocus onClick={() => client.rejoin()}>
            Join again
          </button>
          <button type="button" class="button quiet" onClick={() => client.leave()}>
            Back to the lobby
          </button>
        </div>
      </div>
    </div>
  );
}
