/** Copies the link to this room. */

import { useApp, useAppState } from "../app";
import { inviteLink } from "../params";
import { toast } from "../state";
import { Icon } from "./icons";

export function InviteButton({ prominent = false }: { prominent?: boolean }) {
  const { store } = useApp();
  const { roomId } = useAppState();
  const copy = async (): Promise<void> => {
    const link = inviteLink(roomId);
    try {
      await navigator.clipboard.writeText(link);
      toast(store, "good", "The invite link is copied.");
    } catch {
      // No clipboard here: show the link where it can be copied by hand.
      window.prompt("Copy this link and send it to the others:", link);
    }
  };
  return (
    <button
      type="button"
      class={`button ${prominent ? "primary" : "quiet"} invite`}
      aria-label="Copy invite link"
      title="Copy invite link"
      onClick={() => void copy()}
    >
      <Icon name="link" />
      <span>Copy invite link</span>
    </button>
  );
}
