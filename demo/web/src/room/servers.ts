/** Which server to connect to: the one that the page came from, or another one of its cluster when that is gone. */

/** Attempts at one server before the next one is tried. */
const ATTEMPTS = 2;
/** So many that have gone are still tried. */
const MAX_GONE = 4;

export class Servers {
  #current = location.origin;
  #others: readonly string[] = [];
  #passedHosts: readonly string[] = [];
  #failures = 0;
  /** Hosts that the policy of this page does not let us connect to. */
  readonly #forbidden = new Set<string>();

  /** Where to connect now. */
  get current(): string {
    return this.#current;
  }

  /** The names of the servers that have sent us on. */
  get passedHosts(): readonly string[] {
    return this.#passedHosts;
  }

  /**
   * A server has told which others there are; it has let us in, so nobody sends us on any more. Those of which we knew
   * before may come back: a few are tried last.
   */
  learn(others: readonly string[]): void {
    const told = new Set([...others, location.origin]);
    const gone = this.#others.filter((server) => !told.has(server)).slice(0, MAX_GONE);
    this.#others = [...told, ...gone].filter((server) => this.#isUsable(server) && server !== this.#current);
    this.#passedHosts = [];
    this.#failures = 0;
  }

  /** The server has sent us to another one. False: we cannot go there. */
  move(url: string, passedHosts: readonly string[]): boolean {
    if (!this.#isUsable(url)) return false;
    const { origin } = new URL(url);
    this.#others = [...this.#others.filter((server) => server !== origin), this.#current];
    this.#current = origin;
    this.#passedHosts = passedHosts;
    this.#failures = 0;
    return true;
  }

  /** The server was not reached. True: there is another one to try now. */
  failed(): boolean {
    this.#failures += 1;
    return this.#failures >= ATTEMPTS && this.#next([...this.#others, this.#current]);
  }

  /** The server does not have us, or does not answer. True: there is another one to try now. */
  skip(): boolean {
    return this.#next([...this.#others, this.#current]);
  }

  /** The policy of this page forbids an address. True: it was the current one, and there is another one to try now. */
  forbid(address: string): boolean {
    const host = hostOf(address);
    if (host === null || host === location.host) return false;
    this.#forbidden.add(host);
    this.#others = this.#others.filter((server) => this.#isUsable(server));
    return hostOf(this.#current) === host && this.#next(this.#others);
  }

  #next(servers: readonly string[]): boolean {
    const [next, ...others] = servers;
    if (next === undefined || next === this.#current) return false;
    this.#others = others;
    this.#current = next;
    this.#passedHosts = [];
    this.#failures = 0;
    return true;
  }

  /** A page that came by TLS opens no connections without. */
  #isUsable(server: string): boolean {
    const host = hostOf(server);
    if (host === null || this.#forbidden.has(host)) return false;
    const { protocol } = new URL(server);
    return protocol === "https:" || (protocol === "http:" && location.protocol === "http:");
  }
}

function hostOf(address: string): string | null {
  try {
    return new URL(address).host;
  } catch {
    return null;
  }
}
