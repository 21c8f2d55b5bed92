/** The frame of a side panel. */

import type { ComponentChildren } from "preact";

import { useApp } from "../app";
import { Icon } from "./icons";

export function PanelFrame({ title, children }: { title: string; children: ComponentChildren }) {
  const { store } = useApp();
  return (
    <aside class="panel" aria-label={title}>
      <header class="panel-header">
        <h2>{title}</h2>
        <button
          type="button"
          class="icon-button"
          aria-label={`Close ${title.toLowerCase()}`}
          onClick={() => store.update({ panel: "none" })}
        >
          <Icon name="close" />
        </button>
      </header>
      <div class="panel-body">{children}</div>
    </aside>
  );
}
