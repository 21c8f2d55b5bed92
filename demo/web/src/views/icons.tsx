/** The page's own icons: 24 units square, drawn with strokes in the text's colour. */

import type { JSX } from "preact";

const SHAPES = {
  mic: (
    <>
      <rect x="9" y="3" width="6" height="11" rx="3" />
      <path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3" />
    </>
  ),
  micOff: (
    <>
      <path d="M9 9.5V11a3 3 0 0 0 4.6 2.5M15 11V6a3 3 0 0 0-5.8-1.1" />
      <path d="M5.5 11.5a6.5 6.5 0 0 0 10.2 5.3M18.2 13.5c.2-.6.3-1.3.3-2M12 18v3M4 4l16 16" />
    </>
  ),
  camera: (
    <>
      <rect x="3" y="6.5" width="12.5" height="11" rx="2.5" />
      <path d="M15.5 11l5.5-3v8l-5.5-3" />
    </>
  ),
  cameraOff: (
    <>
      <path d="M10.5 6.5H13A2.5 2.5 0 0 1 15.5 9v2l5.5-3v8M15.3 15.6A2.5 2.5 0 0 1 13 17.5H5.5A2.5 2.5 0 0 1 3 15V9a2.5 2.5 0 0 1 2-2.4M4 4l16 16" />
    </>
  ),
  share: (
    <>
      <rect x="3" y="4" width="18" height="12.5" rx="2.5" />
      <path d="M12 13V7.5M9.5 9.8L12 7.3l2.5 2.5M8.5 20h7" />
    </>
  ),
  shareOff: (
    <>
      <rect x="3" y="4" width="18" height="12.5" rx="2.5" />
      <path d="M9.5 7.8l5 5M14.5 7.8l-5 5M8.5 20h7" />
    </>
  ),
  broadcast: (
    <>
      <circle cx="12" cy="12" r="2" />
      <path d="M8.1 15.9a5.5 5.5 0 0 1 0-7.8M15.9 8.1a5.5 5.5 0 0 1 0 7.8M5.3 18.7a9.5 9.5 0 0 1 0-13.4M18.7 5.3a9.5 9.5 0 0 1 0 13.4" />
    </>
  ),
  stats: <path d="M4 20V4M4 20h16M8.5 16v-4M12.5 16V7.5M16.5 16v-6" />,
  people: (
    <>
      <circle cx="9" cy="8.5" r="3.5" />
      <path d="M2.8 19.5a6.3 6.3 0 0 1 12.4 0M15.5 5.3a3.5 3.5 0 0 1 0 6.4M17.7 14.2a6.3 6.3 0 0 1 3.5 5.3" />
    </>
  ),
  link: (
    <path d="M10 14a4 4 0 0 0 5.7 0l3.5-3.5a4 4 0 0 0-5.7-5.7L12.2 6.1M14 10a4 4 0 0 0-5.7 0l-3.5 3.5a4 4 0 0 0 5.7 5.7l1.3-1.3" />
  ),
  leave: (
    <path
      fill="currentColor"
      d="M3.2 14.7v-1.2C3.2 10.4 7.5 9 12 9s8.8 1.4 8.8 4.5v1.2c0 .7-.6 1.2-1.3 1.1l-2.8-.5c-.6-.1-1-.6-1-1.2V12.7a12 12 0 0 0-7.4 0v1.4c0 .6-.4 1.1-1 1.2l-2.8.5c-.7.1-1.3-.4-1.3-1.1z"
    />
  ),
  chevron: <path d="M7 14.5l5-5 5 5" />,
  close: <path d="M6 6l12 12M18 6L6 18" />,
  check: <path d="M5 12.5l4.5 4.5L19 7.5" />,
  warning: <path d="M12 4L2.8 19.5h18.4zM12 10v4.5M12 17v.2" />,
  sound: <path d="M4 9.5v5h3.5l5 4v-13l-5 4zM16 9a4.5 4.5 0 0 1 0 6M18.5 6.5a8 8 0 0 1 0 11" />,
  chat: <path d="M5.5 4.5h13A2.5 2.5 0 0 1 21 7v7.5a2.5 2.5 0 0 1-2.5 2.5H12l-4.8 3.6V17H5.5A2.5 2.5 0 0 1 3 14.5V7a2.5 2.5 0 0 1 2.5-2.5zM7.5 9h9M7.5 12.5h6" />,
  send: <path d="M4.5 12L3.5 4.5 21 12 3.5 19.5 4.5 12zM4.5 12H12" />,
  more: <path stroke-width="2.6" d="M12 5.5v.01M12 12v.01M12 18.5v.01" />,
  edit: <path d="M4.5 19.5l1-4.5L16 4.5l3.5 3.5L9 18.5zM13.5 7l3.5 3.5" />,
  pin: <path d="M8.5 3.5h7l-1 6 3.5 4.5H6l3.5-4.5zM12 14v6.5" />,
  fullscreen: <path d="M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5" />,
  refresh: <path d="M19.5 12a7.5 7.5 0 1 1-2.2-5.3L19.5 9M19.5 4v5h-5" />,
  bot: (
    <>
      <rect x="4.5" y="8" width="15" height="11" rx="3" />
      <path d="M12 8V4.5M9 12.5v1.5M15 12.5v1.5M2 12.5v2.5M22 12.5v2.5" />
    </>
  ),
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
      <path class="logo-bowl" d="M4 16h24a12 10 0 0 1-24 0zM11.5 28h9" />
      <path class="logo-steam" d="M11 12c-1.8-2.2 1.8-3.6 0-6M16 12c-1.8-2.2 1.8-3.6 0-6M21 12c-1.8-2.2 1.8-3.6 0-6" />
    </svg>
  );
}
