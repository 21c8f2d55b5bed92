/** What this page uses of protoo-client, which ships no types. */
declare module "protoo-client" {
  export interface ProtooRequest {
    readonly id: number;
    readonly method: string;
    readonly data: unknown;
  }

  export interface ProtooNotification {
    readonly method: string;
    readonly data: unknown;
  }

  export interface RetryOptions {
    retries: number;
    factor: number;
    /** Milliseconds. */
    minTimeout: number;
    /** Milliseconds. */
    maxTimeout: number;
  }

  export class WebSocketTransport {
    constructor(url: string, options?: { retry?: RetryOptions });
    readonly closed: boolean;
    close(): void;
  }

  type Accept = (data?: unknown) => void;
  type Reject = (code: number, reason: string) => void;

  export class Peer {
    constructor(transport: WebSocketTransport);
    readonly closed: boolean;
    readonly connected: boolean;
    close(): void;
    request(method: string, data?: unknown): Promise<unknown>;
    notify(method: string, data?: unknown): Promise<void>;
    on(event: "open" | "disconnected" | "close", listener: () => void): this;
    on(event: "failed", listener: (attempt: number) => void): this;
    on(event: "request", listener: (request: ProtooRequest, accept: Accept, reject: Reject) => void): this;
    on(event: "notification", listener: (notification: ProtooNotification) => void): this;
  }
}
