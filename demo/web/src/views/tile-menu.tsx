/** What one can choose for the video of somebody else: how big, how smooth, how important. */

import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks";

import { useApp } from "../app";
import type { RemoteStream } from "../state";
import { Icon } from "./icons";
import { describeCurrent, hasLayers, motionNames, pictureNames } from "./layers";
import { Signal, signalWord } from "./signal";

const PRIORITIES = [
  { name: "Normal", value: 1 },
  { name: "High", value: 100 },
  { name: "Highest", value: 255 },
] as const;

/** To the opener and to the window's edges, in CSS pixels. */
const MARGIN = 12;

interface TileMenuProps {
  readonly stream: RemoteStream;
  readonly title: string;
  /** The button that opened it: the menu hangs there, and gives the focus back to it. */
  readonly opener: HTMLElement;
  readonly onClose: () => void;
}

export function TileMenu({ stream, title, opener, onClose }: TileMenuProps) {
  const { client } = useApp();
  const root = useRef<HTMLDivElement>(null);
  const titleId = useId();
  useCloseable(root, opener, onClose);
  useLayoutEffect(() => {
    if (root.current) place(root.current, opener);
  });
  const { id, preferred, layerCount, priority, score } = stream;
  return (
    <div class="tile-menu" ref={root} role="dialog" aria-labelledby={titleId} tabIndex={-1}>
      <div class="tile-menu-header">
        <h2 id={titleId}>{title}</h2>
        <button type="button" class="icon-button small" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      <p class="tile-menu-now" aria-live="polite">
        <Signal score={score} whose="Signal" /> Signal {signalWord(score)}, {score} of 10
        <br />
        <span class="soft">Receiving {describeCurrent(stream)}</span>
      </p>
      {layerCount.spatial > 1 && (
        <Choice
          legend="Picture, at best"
          options={pictureNames(layerCount.spatial).map((name, value) => ({ name, value }))}
          chosen={preferred.spatial}
          onChoose={(spatial) => void client.setPreferredLayers(id, { ...preferred, spatial })}
        />
      )}
      {layerCount.temporal > 1 && (
        <Choice
          legend="Motion, at best"
          options={motionNames(layerCount.temporal).map((name, value) => ({ name, value }))}
          chosen={preferred.temporal}
          onChoose={(temporal) => void client.setPreferredLayers(id, { ...preferred, temporal })}
        />
      )}
      {hasLayers(stream) && (
        <Choice
          legend="Priority when bandwidth is short"
          options={PRIORITIES}
          chosen={priority}
          onChoose={(value) => void client.setPriority(id, value)}
        />
      )}
      <button type="button" class="button quiet wide" onClick={() => void client.requestKeyFrame(id)}>
        <Icon name="refresh" />
        Refresh picture
      </button>
    </div>
  );
}

interface ChoiceProps {
  readonly legend: string;
  readonly options: readonly { readonly name: string; readonly value: number }[];
  readonly chosen: number;
  readonly onChoose: (value: number) => void;
}

/** A row of radio buttons; the arrow keys go through it. */
function Choice({ legend, options, chosen, onChoose }: ChoiceProps) {
  const group = useId();
  return (
    <fieldset class="choice">
      <legend>{legend}</legend>
      <div class="segments">
        {options.map(({ name, value }) => (
          <label key={value}>
            <input
              type="radio"
              name={group}
              value={value}
              checked={value === chosen}
              onChange={() => onChoose(value)}
            />
            <span>{name}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** Escape, a click elsewhere or the focus elsewhere closes it. */
function useCloseable(root: { readonly current: HTMLElement | null }, opener: HTMLElement, onClose: () => void): void {
  const close = useRef(onClose);
  close.current = onClose;
  useEffect(() => {
    const menu = root.current;
    menu?.focus({ preventScroll: true });
    const isOutside = ({ target }: Event): boolean =>
      target instanceof Node && !menu?.contains(target) && !opener.contains(target);
    const onElsewhere = (event: Event): void => {
      if (isOutside(event)) close.current();
    };
    const onKey = (event: KeyboardEvent): void => {
      // A menu that is gone listens until its effect is cleaned up: the next Escape is not for it.
      if (event.key !== "Escape" || !menu?.isConnected) return;
      event.preventDefault();
      close.current();
      opener.focus();
    };
    document.addEventListener("pointerdown", onElsewhere);
    document.addEventListener("focusin", onElsewhere);
    // Before what Escape means elsewhere, such as closing the panel.
    document.addEventListener("keydown", onKey, { capture: true });
    return () => {
      document.removeEventListener("pointerdown", onElsewhere);
      document.removeEventListener("focusin", onElsewhere);
      document.removeEventListener("keydown", onKey, { capture: true });
      if (document.activeElement === document.body) opener.focus({ preventScroll: true });
    };
  }, [root, opener]);
}

/** Beside the opener, where there is room, and whole within the window. */
function place(menu: HTMLElement, opener: HTMLElement): void {
  const { top, left, right } = opener.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const beside = left - MARGIN - width >= MARGIN ? left - MARGIN - width : right + MARGIN;
  menu.style.left = `${Math.max(MARGIN, Math.min(beside, innerWidth - width - MARGIN))}px`;
  menu.style.top = `${Math.max(MARGIN, Math.min(top, innerHeight - height - MARGIN))}px`;
}
