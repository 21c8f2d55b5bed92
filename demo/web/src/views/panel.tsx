/** The frame of a side panel. */

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

import { useApp } from "../app";
import { Icon } from "./icons";

interface PanelFrameProps {
  readonly title: string;
  /** Stays in view below the content. */
  readonly footer?: ComponentChildren;
  readonly children: ComponentChildren;
}

/** Escape closes it; the focus then goes back to where it was. */
export function PanelFrame({ title, footer, children }: PanelFrameProps) {
  const { store } = useApp();
  const close = (): void => store.update({ panel: "none" });
  useEffect(() => {
    const before = document.activeElement;
    return () => {
      const lost = document.activeElement === null || document.activeElement === document.body;
      if (lost && before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  return (
    <aside
      class="panel"
      aria-label={title}
      onKeyDown={(event) => {
        if (event.key === "Escape") close();
      }}
    >
      <header class="panel-header">
        <h2>{title}</h2>
        <button type="button" class="icon-button" aria-label={`Close ${title.toLowerCase()}`} onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <div class="panel-body">{children}</div>
      {footer}
    </aside>
  );
}
