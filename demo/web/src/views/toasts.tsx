/** Short messages in the corner; screen readers hear them too. */

import { useApp, useAppState } from "../app";
import { dismissToast } from "../state";
import { Icon } from "./icons";

export function Toasts() {
  const { store } = useApp();
  const { toasts } = useAppState();
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.map(({ id, tone, text }) => (
        <div key={id} class={`toast toast-${tone}`}>
          <Icon name={tone === "bad" ? "warning" : "check"} />
          <span>{text}</span>
          <button type="button" class="icon-button small" aria-label="Dismiss" onClick={() => dismissToast(store, id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
