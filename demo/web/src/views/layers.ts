/** Words for versions of a video stream. */

import type { Layers, RemoteStream } from "../state";

const PICTURES: Readonly<Record<number, readonly string[]>> = { 2: ["Low", "High"], 3: ["Low", "Medium", "High"] };
const MOTIONS: Readonly<Record<number, readonly string[]>> = { 2: ["Half", "Full"], 3: ["Quarter", "Half", "Full"] };

/** Names for so many picture sizes, smallest first. */
export const pictureNames = (count: number): readonly string[] => PICTURES[count] ?? numbered(count);
/** Names for so many frame rates, slowest first. */
export const motionNames = (count: number): readonly string[] => MOTIONS[count] ?? numbered(count);

/** Whether there is anything to choose. */
export const hasLayers = ({ layerCount }: RemoteStream): boolean => layerCount.spatial > 1 || layerCount.temporal > 1;

/** The version that comes now, in words. */
export function describeCurrent({ current, layerCount, type }: RemoteStream): string {
  if (current === null) return "nothing: the connection is too slow, or the sender sends nothing";
  if (current === undefined) return type === "simple" ? "the only version" : "not known yet";
  const picture = layerCount.spatial > 1 ? `${pictureNames(layerCount.spatial)[current.spatial]} picture` : "";
  const motion = layerCount.temporal > 1 ? `${motionNames(layerCount.temporal)[current.temporal]} motion` : "";
  return [picture, motion].filter(Boolean).join(", ").toLowerCase() || "the only version";
}

/** Numbers as the protocol has them, such as "2/2". */
export const layerNumbers = (layers: Layers | null | undefined): string =>
  layers ? `${layers.spatial}/${layers.temporal}` : "–";

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index + 1));
}
