// SPDX-License-Identifier: MIT
// A WebSocket server (RFC 6455): the opening handshake, and rules of misbehaviour. What it serves is
// a program that speaks in messages, such as those of websocket-programs.ts.
import type { ClockTimer, SimClock } from "../clock/clock.ts";
import type { Peer, PeerConnection, PeerHandlers } from "../network/peer.ts";
import { createRequestReader } from "./http-request.ts";
import type { HttpRequest } from "./http-request.ts";
import { headBytes, responseBytes } from "./http-response.ts";
import { createRules } from "./rules.ts";
import type { Rule } from "./rules.ts";
import { acceptValue, checkHandshake } from "./websocket-handshake.ts";
import type { Handshake } from "./websocket-handshake.ts";
import { createWebSocketSession } from "./websocket-session.ts";
import type {
  FrameKind,
  FrameMisdeed,
  WebSocketProgram,
  WebSocketSession,
} from "./websocket-session.ts";

/** What is wrong with a handshake; its connection may be used all the same. */
export type HandshakeMisdeed =
  | "hang" // no answer ever
  | "close" // an orderly end instead of an answer
  | "reset" // a cut instead of an answer
  | { status: number } // this status instead of 101
  | {
      /** The answer comes this much later. */
      delayMs?: number;
      /** Another value of Sec-WebSocket-Accept. */
      accept?: string;
      /** Another subprotocol than was agreed on; "" leaves it out. */
      protocol?: string;
      /** Messages are then sent in frames of at most so many bytes, which is allowed. */
      fragmentBytes?: number;
      /** Frames are then masked, which is not. */
      isMasked?: boolean;
    };

/** One rule, such as `{ on: "ping", skip: 1, do: "ignore" }`. */
export type WebSocketRule = Rule & {
  /** Paths that it is for, `*` standing for any run of characters; all unless given. */
  path?: string;
} & ({ on: "handshake"; do: HandshakeMisdeed } | { on: FrameKind; do: FrameMisdeed });

/** What a listener is made of. */
export interface WebSocketListenerOptions {
  clock: SimClock;
  program: WebSocketProgram;
  limits?: Partial<WebSocketLimits>;
}

/** Bounds of a listener. */
export interface WebSocketLimits {
  /** Longest message; 1,048,576 bytes unless given. Longer ones are closed with 1009. */
  maxMessageBytes: number;
  /** Time from the connection to the whole handshake request, ms; 10,000 unless given. */
  handshakeTimeoutMs: number;
  /** Time from a Close to its answer, ms; 2,000 unless given. */
  closeTimeoutMs: number;
}

/** A listener. */
export interface WebSocketListener {
  /** The program to serve at a host and port. */
  readonly peer: Peer;
  /** Puts rules in force; the function given back ends them. */
  misbehave(rules: WebSocketRule | readonly WebSocketRule[]): () => void;
  /** Handshakes that succeeded and that were refused or never came. */
  stats(): { opened: number; refused: number };
}

const LIMITS: WebSocketLimits = {
  maxMessageBytes: 1_048_576,
  handshakeTimeoutMs: 10_000,
  closeTimeoutMs: 2000,
};
const REQUEST_LIMITS = { maxHeadBytes: 8192, maxBodyBytes: 0 };

/** How far a handshake differs from a right one. */
type Differences = Exclude<HandshakeMisdeed, string | { status: number }>;

function answerBytes({ key, protocol }: Handshake, differences: Differences): Buffer {
  const named = differences.protocol ?? protocol;
  return headBytes(101, {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Accept": differences.accept ?? acceptValue(key),
    ...(named === "" ? {} : { "Sec-WebSocket-Protocol": named }),
  });
}

/** Creates a listener. */
export function createWebSocketListener(options: WebSocketListenerOptions): WebSocketListener {
  const { clock, program } = options;
  const limits = { ...LIMITS, ...options.limits };
  const rules = createRules<WebSocketRule>((rule) => rule.path);
  const stats = { opened: 0, refused: 0 };

  function refuse(connection: PeerConnection, status: number): void {
    stats.refused++;
    const headers: Record<string, string> =
      status === 426 ? { Upgrade: "websocket", "Sec-WebSocket-Version": "13" } : {};
    const response = { status, headers };
    connection.write(
      responseBytes(response, { nowMs: clock.now(), length: "right", hasBody: true }).head,
    );
    connection.end();
  }

  function open(
    connection: PeerConnection,
    path: string,
    handshake: Handshake,
    differences: Differences,
  ): WebSocketSession {
    stats.opened++;
    connection.write(answerBytes(handshake, differences));
    return createWebSocketSession({
      clock,
      connection,
      program,
      path,
      protocol: handshake.protocol,
      ...limits,
      fragmentBytes: differences.fragmentBytes ?? Infinity,
      flaws: { isMasked: differences.isMasked === true },
      misdeedFor: (kind) => (rules.take(kind, path)?.do ?? null) as FrameMisdeed | null,
    });
  }

  function accept(connection: PeerConnection): PeerHandlers {
    const read = createRequestReader(REQUEST_LIMITS);
    let session: WebSocketSession | null = null;
    /** No request is waited for any more. */
    let isAnswered = false;
    let timer: ClockTimer | null = clock.setTimer(() => {
      settle();
      stats.refused++;
      connection.end();
    }, limits.handshakeTimeoutMs);

    const settle = (): void => {
      isAnswered = true;
      if (timer) clock.clearTimer(timer);
      timer = null;
    };
    const onRequest = (request: HttpRequest, rest: Buffer): void => {
      const misdeed = (rules.take("handshake", request.path)?.do ?? {}) as HandshakeMisdeed;
      if (misdeed === "hang") return;
      if (misdeed === "close") return connection.end();
      if (misdeed === "reset") return connection.destroy();
      if ("status" in misdeed) return refuse(connection, misdeed.status);
      const answer = (): void => {
        timer = null;
        const handshake = checkHandshake(request, program.protocols);
        if ("status" in handshake) return refuse(connection, handshake.status);
        session = open(connection, request.path, handshake, misdeed);
        // Nothing should be there before the answer; what is, belongs to the session.
        if (rest.length > 0) session.feed(rest);
        return undefined;
      };
      if (misdeed.delayMs === undefined) return answer();
      timer = clock.setTimer(answer, misdeed.delayMs);
      return undefined;
    };
    return {
      onData: (bytes) => {
        if (session) return session.feed(bytes);
        const outcome = isAnswered ? null : read(bytes);
        if (!outcome) return undefined;
        settle();
        if ("request" in outcome) return onRequest(outcome.request, outcome.rest);
        return refuse(connection, outcome.status);
      },
      onDrain: () => session?.onDrain(),
      onClose: () => {
        settle();
        session?.onClose();
      },
    };
  }

  return { peer: { accept }, misbehave: rules.add, stats: () => ({ ...stats }) };
}
