/** Asks what is for operators (docs/live.md, docs/running.md), with the secret if one was given in this tab. */

/** The server's answer was no; `status` is HTTP's. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const SECRET_KEY = "miso-live-secret";
const THIS_MACHINE = ["localhost", "127.0.0.1", "[::1]"];

export function giveSecret(secret: string): void {
  sessionStorage.setItem(SECRET_KEY, secret);
}

/** Whether asking may be of use: without a secret, operators are only on the server's machine. */
export function mayBeOperator(): boolean {
  return sessionStorage.getItem(SECRET_KEY) !== null || THIS_MACHINE.includes(window.location.hostname);
}

/**
 * @param root the server's root as this page reaches it, such as `../`.
 * @param path below the API's address.
 * @throws Refused, or what `fetch` throws when the server does not answer.
 */
export function ask(root: string, path: string, init: RequestInit = {}): Promise<Response> {
  return askServer(new URL(`${root}api/v1/${path}`, window.location.href), init);
}

/** The same, of any address of the server. */
export async function askServer(url: URL, init: RequestInit = {}): Promise<Response> {
  const secret = sessionStorage.getItem(SECRET_KEY);
  const headers = new Headers(init.headers);
  if (secret !== null) headers.set("Authorization", `Bearer ${encodeSecret(secret)}`);
  const response = await fetch(url, { ...init, headers, cache: "no-store" });
  if (!response.ok) {
    const body = (await response.json().catch(() => null)) as { message?: unknown } | null;
    const reason = body?.message;
    throw new Refused(response.status, typeof reason === "string" ? reason : `the server answered ${response.status}`);
  }
  return response;
}

/** A header takes bytes: UTF-8, one character for each. */
function encodeSecret(secret: string): string {
  return String.fromCharCode(...new TextEncoder().encode(secret));
}
