/** The bar of controls at the bottom of the room. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";

import { useApp, useAppState } from "../app";
import { canShareScreen } from "../media/devices";
import { togglePanel } from "../state";
import { CameraField, MicrophoneField, SpeakerField } from "./device-fields";
import { Icon, type IconName } from "./icons";

export function Dock() {
  const { client, params, store } = useApp();
  const { local, panel, phase, chat, live } = useAppState();
  const { mic, camera, share } = local;
  const micOn = mic.track !== null && !mic.muted;
  const actions: Record<string, () => void> = {
    ...(params.produce && {
      m: () => void client.media.setMuted(micOn),
      v: () => void client.media.setCamera(!camera.track),
    }),
    ...(params.datachannel && { c: () => togglePanel(store, "chat") }),
    ...(live !== null && { l: () => togglePanel(store, "live") }),
    i: () => togglePanel(store, "stats"),
    p: () => togglePanel(store, "people"),
    ...(panel !== "none" && { escape: () => store.update({ panel: "none" }) }),
  };
  useShortcuts(actions);
  return (
    <nav class="dock" aria-label="Controls">
      {params.produce && (
        <>
          <Split label="Sound devices" fields={[<MicrophoneField key="mic" />, <SpeakerField key="speaker" />]}>
            <DockButton
              icon={micOn ? "mic" : "micOff"}
              label={micOn ? "Mute" : "Unmute"}
              shortcut="M"
              off={!micOn}
              problem={mic.problem}
              disabled={mic.busy}
              onClick={() => void client.media.setMuted(micOn)}
            />
          </Split>
          <Split label="Camera devices" fields={[<CameraField key="camera" />]}>
            <DockButton
              icon={camera.track ? "camera" : "cameraOff"}
              label={camera.track ? "Stop camera" : "Start camera"}
              shortcut="V"
              off={!camera.track}
              problem={camera.problem}
              disabled={camera.busy}
              onClick={() => void client.media.setCamera(!camera.track)}
            />
          </Split>
          {canShareScreen() && (
            <DockButton
              icon={share.track ? "shareOff" : "share"}
              label={share.track ? "Stop sharing" : "Share screen"}
              active={share.track !== null}
              disabled={share.busy || phase !== "joined"}
              onClick={() => void client.media.setShare(!share.track)}
            />
          )}
          <span class="dock-gap" />
        </>
      )}
      {params.datachannel && (
        <DockButton
          icon="chat"
          label="Chat"
          shortcut="C"
          active={panel === "chat"}
          count={chat.unread}
          onClick={() => togglePanel(store, "chat")}
        />
      )}
      {live !== null && (
        <DockButton
          icon="broadcast"
          label="Live streams"
          shortcut="L"
          active={panel === "live"}
          onClick={() => togglePanel(store, "live")}
        />
      )}
      <DockButton
        icon="people"
        label="People"
        shortcut="P"
        active={panel === "people"}
        onClick={() => togglePanel(store, "people")}
      />
      <DockButton
        icon="stats"
        label="Statistics"
        shortcut="I"
        active={panel === "stats"}
        onClick={() => togglePanel(store, "stats")}
      />
      <span class="dock-gap" />
      <DockButton icon="leave" label="Leave" danger onClick={() => client.leave()} />
    </nav>
  );
}

interface DockButtonProps {
  readonly icon: IconName;
  readonly label: string;
  readonly shortcut?: string;
  readonly off?: boolean;
  readonly active?: boolean;
  readonly danger?: boolean;
  readonly disabled?: boolean;
  /** Why it cannot be on; null: no reason. */
  readonly problem?: string | null;
  /** Of what waits behind it; 0: no badge. */
  readonly count?: number;
  readonly onClick: () => void;
}

function DockButton(props: DockButtonProps) {
  const { icon, label, shortcut, off, active, danger, disabled, problem, count = 0, onClick } = props;
  const classes = ["dock-button", off && "off", active && "active", danger && "danger"].filter(Boolean).join(" ");
  return (
    <button
      type="button"
      class={classes}
      aria-label={count > 0 ? `${label}, ${count} unread` : label}
      aria-pressed={active}
      aria-keyshortcuts={shortcut}
      title={problem ?? (shortcut ? `${label} (${shortcut})` : label)}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} />
      <span class="dock-label">{label}</span>
      {problem && (
        <span class="dock-count problem" aria-hidden="true">
          !
        </span>
      )}
      {count > 0 && <span class="dock-count">{count > 99 ? "99+" : count}</span>}
    </button>
  );
}

interface SplitProps {
  readonly label: string;
  readonly fields: ComponentChildren;
  readonly children: ComponentChildren;
}

/** A button with a small one beside it that opens the devices behind it. */
function Split({ label, fields, children }: SplitProps) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!open) return;
    const onPointer = (event: PointerEvent) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) setOpen(false);
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      setOpen(false);
      opener.current?.focus();
    };
    document.addEventListener("pointerdown", onPointer);
    // Before what Escape means elsewhere, such as closing the panel.
    document.addEventListener("keydown", onKey, { capture: true });
    return () => {
      document.removeEventListener("pointerdown", onPointer);
      document.removeEventListener("keydown", onKey, { capture: true });
    };
  }, [open]);
  return (
    <div class="split" ref={root}>
      {children}
      <button
        ref={opener}
        type="button"
        class={`split-opener${open ? " open" : ""}`}
        aria-label={label}
        aria-expanded={open}
        title={label}
        onClick={() => setOpen(!open)}
      >
        <Icon name="chevron" />
      </button>
      {open && (
        <div class="popover" role="group" aria-label={label}>
          {fields}
        </div>
      )}
    </div>
  );
}

/** Single keys by their lower-case names, unless something is being typed or a modifier is held. */
function useShortcuts(actions: Record<string, () => void>): void {
  const current = useRef(actions);
  current.current = actions;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (event.target instanceof Element && event.target.closest("input, select, textarea")) return;
      const action = current.current[event.key.toLowerCase()];
      if (!action) return;
      // What opens a text field must not type its own letter into it.
      event.preventDefault();
      action();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}
