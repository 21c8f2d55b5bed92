/** Which server to connect to: the one that the page came from, or another one of its cluster when that is gone. */

/** Attempts at one server before the next one is tried. */
const ATTEMPTS = 2;

export class Servers {
  #current = location.origin;
  #others: readonly string[] = [];
  #passedHosts: readonly string[] = [];
  #failures = 0;

  /** Where to connect now. */
  get current(): string {
    return this.#current;
  }

  /** The names of the servers that have sent us on. */
  get passedHosts(): readonly string[] {
    return this.#passedHosts;
  }

  /** A server has told which others there are; it has let us in, so nobody sends us on any more. */
  learn(others: readonly string[]): void {
    this.#others = [...others, location.origin].filter((server) => isUsable(server) && server !== this.#current);
    this.#passedHosts = [];
    this.#failures = 0;
  }

  /** The server has sent us to another one. False: we cannot go there. */
  move(url: string, passedHosts: readonly string[]): boolean {
    if (!isUsable(url)) return false;
    this.#current = new URL(url).origin;
    this.#passedHosts = passedHosts;
    this.#failures = 0;
    return true;
  }

  /** The server was not reached. True: there is another one to try now. */
  failed(): boolean {
    this.#failures += 1;
    const [next, ...others] = this.#others;
    if (this.#failures < ATTEMPTS || next === undefined) return false;
    this.#others = [...others, this.#current];
    this.#current = next;
    this.#passedHosts = [];
    this.#failures = 0;
    return true;
  }
}

/** A page that came by TLS opens no connections without. */
function isUsable(server: string): boolean {
  try {
    const { protocol } = new URL(server);
    return protocol === "https:" || (protocol === "http:" && location.protocol === "http:");
  } catch {
    return false;
  }
}
