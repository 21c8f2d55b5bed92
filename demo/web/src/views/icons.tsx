/** The page's own icons: 24 units square, drawn with strokes in the text's colour. */

import type { JSX } from "preact";

const SHAPES = {
  mic: (
    <>
      <rect x="9" y="3" width="6" height="11" rx="3" />
      <path d="M5.500 11.500a6.500 6.500 0 0 0 13 0M12 18v3" />
    </>
  ),
  micOff: (
    <>
      <path d="M9 9.500V11a3 3 0 0 0 4.600 2.500M15 11V6a3 3 0 0 0-5.800-1.100" />
      <path d="M5.500 11.500a6.500 6.500 0 0 0 10.200 5.300M18.200 13.500c.2-.6.3-1.300.3-2M12 18v3M4 4l16 16" />
    </>
  ),
  camera: (
    <>
      <rect x="3" y="6.500" width="12.500" height="11" rx="2.500" />
      <path d="M15.500 11l5.500-3v8l-5.500-3" />
    </>
  ),
  cameraOff: (
    <>
      <path d="M10.500 6.500H13A2.500 2.500 0 0 1 15.500 9v2l5.500-3v8M15.300 15.600A2.500 2.500 0 0 1 13 17.500H5.500A2.500 2.500 0 0 1 3 15V9a2.500 2.500 0 0 1 2-2.400M4 4l16 16" />
    </>
  ),
  share: (
    <>
      <rect x="3" y="4" width="18" height="12.500" rx="2.500" />
      <path d="M12 13V7.500M9.500 9.800L12 7.300l2.500 2.500M8.500 20h7" />
    </>
  ),
  shareOff: (
    <>
      <rect x="3" y="4" width="18" height="12.500" rx="2.500" />
      <path d="M9.500 7.800l5 5M14.500 7.800l-5 5M8.500 20h7" />
    </>
  ),
  stats: <path d="M4 20V4M4 20h16M8.500 16v-4M12.500 16V7.500M16.500 16v-6" />,
  people: (
    <>
      <circle cx="9" cy="8.500" r="3.500" />
      <path d="M2.800 19.500a6.300 6.300 0 0 1 12.400 0M15.500 5.300a3.500 3.500 0 0 1 0 6.400M17.700 14.200a6.300 6.300 0 0 1 3.500 5.300" />
    </>
  ),
  link: (
    <path d="M10 14a4 4 0 0 0 5.700 0l3.500-3.500a4 4 0 0 0-5.700-5.700L12.200 6.100M14 10a4 4 0 0 0-5.700 0l-3.500 3.500a4 4 0 0 0 5.700 5.700l1.300-1.300" />
  ),
  leave: (
    <path d="M3.200 14.700v-1.200C3.200 10.400 7.500 9 12 9s8.800 1.400 8.800 4.500v1.200c0 .7-.6 1.200-1.300 1.100l-2.800-.5c-.6-.1-1-.6-1-1.200V12.700a12 12 0 0 0-7.400 0v1.400c0 .6-.4 1.100-1 1.200l-2.800.5c-.7.1-1.300-.4-1.300-1.100z" />
  ),
  chevron: <path d="M7 14.500l5-5 5 5" />,
  close: <path d="M6 6l12 12M18 6L6 18" />,
  check: <path d="M5 12.500l4.500 4.500L19 7.500" />,
  warning: <path d="M12 4L2.800 19.500h18.400zM12 10v4.500M12 17v.2" />,
  sound: <path d="M4 9.500v5h3.500l5 4v-13l-5 4zM16 9a4.500 4.500 0 0 1 0 6M18.500 6.500a8 8 0 0 1 0 11" />,
  weak: <path d="M4 19.500v-2M9 19.500v-5M14 19.500v-9M19 10v5M19 18.300v.2" />,
} as const satisfies Record<string, JSX.Element>;

export type IconName = keyof typeof SHAPES;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {SHAPES[name]}
    </svg>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path class="logo-bowl" d="M4 16h24a12 10 0 0 1-24 0zM11.500 28h9" />
      <path class="logo-steam" d="M11 12c-1.800-2.200 1.800-3.600 0-6M16 12c-1.800-2.200 1.800-3.600 0-6M21 12c-1.800-2.200 1.800-3.600 0-6" />
    </svg>
  );
}
