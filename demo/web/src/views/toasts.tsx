/** Short messages in the corner; screen readers hear them too. */

import { useApp, useAppState } from "../app";
import { dismissToast, type Toast } from "../state";
import { Icon, type IconName } from "./icons";

const ICONS: Record<Toast["tone"], IconName> = { chat: "chat", people: "people", good: "check", bad: "warning" };

export function Toasts() {
  const { store } = useApp();
  const { toasts } = useAppState();
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.map(({ id, tone, text }) => (
        <div key={id} class={`toast toast-${tone}`}>
          <Icon name={ICONS[tone]} />
          <span>{text}</span>
          <button type="button" class="icon-button small" aria-label="Dismiss" onClick={() => dismissToast(store, id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
