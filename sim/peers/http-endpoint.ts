// SPDX-License-Identifier: MIT
// An HTTP/1.1 server that answers one request on each connection and can be told to answer badly.
// What it answers when it behaves is a handler's business, such as heartbeat-receiver.ts.
import type { ClockTimer, SimClock } from "../clock/clock.ts";
import type { Peer, PeerConnection, PeerHandlers } from "../network/peer.ts";
import { createRequestReader } from "./http-request.ts";
import type { HttpRequest, RequestLimits } from "./http-request.ts";
import { responseBytes } from "./http-response.ts";
import type { BodyLength, HttpResponse } from "./http-response.ts";
import { createRules } from "./rules.ts";
import type { Rule } from "./rules.ts";

/** What is wrong with an answer; the rest of it stays right. */
export interface BadAnswer {
  /** This status and body instead of the handler's, which is not asked. */
  status?: number;
  body?: string;
  headers?: Readonly<Record<string, string>>;
  /** It begins this much later. */
  delayMs?: number;
  /** It comes so many bytes at a time. */
  drip?: { bytes: number; everyMs: number };
  /** Only so many bytes of the body are sent before the connection ends in good order. */
  bodyBytes?: number;
  /** How the body's length is told. */
  length?: BodyLength;
}

/** One rule, such as `{ on: "POST", path: "/api/*", skip: 2, do: { status: 503 } }`. */
export interface HttpRule extends Rule {
  /** Method, or `*`. */
  on: string;
  /** Paths that it is for, `*` standing for any run of characters; all unless given. */
  path?: string;
  do:
    | "hang" // no answer ever
    | "close" // an orderly end instead of an answer
    | "reset" // a cut instead of an answer
    | BadAnswer;
}

/** What an endpoint is made of. */
export interface HttpEndpointOptions {
  clock: SimClock;
  /** Gives the answer to a request. */
  handle(request: HttpRequest): HttpResponse;
  limits?: Partial<HttpLimits>;
}

/** Bounds of an endpoint. */
export interface HttpLimits extends RequestLimits {
  /** Time from the connection to the whole request, ms. */
  requestTimeoutMs: number;
}

/** An endpoint. */
export interface HttpEndpoint {
  /** The program to serve at a host and port. */
  readonly peer: Peer;
  /** Puts rules in force; the function given back ends them. */
  misbehave(rules: HttpRule | readonly HttpRule[]): () => void;
  /** Connections, requests that came in whole, and answers by the thousand of their status. */
  stats(): HttpStats;
}

/** What an endpoint counts. */
export interface HttpStats {
  connections: number;
  requests: number;
  /** Answers that the handler gave. */
  handled: number;
  /** Connections without a whole request in time. */
  timeouts: number;
  /** Requests that could not be understood or were too large. */
  refused: number;
}

const LIMITS: HttpLimits = { maxHeadBytes: 8192, maxBodyBytes: 65_536, requestTimeoutMs: 30_000 };

/** One connection's answer on its way: whatever waits is disarmed when the connection ends. */
interface Exchange {
  connection: PeerConnection;
  timer: ClockTimer | null;
}

/** Sends bytes as they are wanted, and then ends the connection. */
function send(clock: SimClock, exchange: Exchange, bytes: Buffer, drip: BadAnswer["drip"]): void {
  const { connection } = exchange;
  if (!drip || bytes.length <= drip.bytes) {
    connection.write(bytes);
    connection.end();
    return;
  }
  connection.write(bytes.subarray(0, drip.bytes));
  const rest = bytes.subarray(drip.bytes);
  exchange.timer = clock.setTimer(() => send(clock, exchange, rest, drip), drip.everyMs);
}

/** Creates an endpoint. */
export function createHttpEndpoint(options: HttpEndpointOptions): HttpEndpoint {
  const { clock, handle } = options;
  const limits = { ...LIMITS, ...options.limits };
  const rules = createRules<HttpRule>((rule) => rule.path);
  const stats: HttpStats = { connections: 0, requests: 0, handled: 0, timeouts: 0, refused: 0 };

  function respond(
    exchange: Exchange,
    response: HttpResponse,
    method: string,
    bad: BadAnswer,
  ): void {
    const { head, body } = responseBytes(response, {
      nowMs: clock.now(),
      length: bad.length ?? "right",
      hasBody: method !== "HEAD",
    });
    const bytes = Buffer.concat([head, body.subarray(0, bad.bodyBytes ?? body.length)]);
    send(clock, exchange, bytes, bad.drip);
  }

  function onRequest(exchange: Exchange, request: HttpRequest): void {
    stats.requests++;
    const what = rules.take(request.method, request.path)?.do ?? {};
    if (what === "hang") return;
    if (what === "close") return exchange.connection.end();
    if (what === "reset") return exchange.connection.destroy();
    const answer = (): void => {
      exchange.timer = null;
      const { status, body = "", headers = {} } = what;
      if (status === undefined) stats.handled++;
      const response = status === undefined ? handle(request) : { status, headers, body };
      respond(exchange, response, request.method, what);
    };
    if (what.delayMs === undefined) answer();
    else exchange.timer = clock.setTimer(answer, what.delayMs);
    return undefined;
  }

  function accept(connection: PeerConnection): PeerHandlers {
    stats.connections++;
    const exchange: Exchange = { connection, timer: null };
    const read = createRequestReader(limits);
    let isDone = false;
    const finish = (): void => {
      isDone = true;
      if (exchange.timer) clock.clearTimer(exchange.timer);
      exchange.timer = null;
    };
    exchange.timer = clock.setTimer(() => {
      finish();
      stats.timeouts++;
      respond(exchange, { status: 408 }, "", {});
    }, limits.requestTimeoutMs);
    return {
      onData: (bytes) => {
        const outcome = isDone ? null : read(bytes);
        if (!outcome) return;
        finish();
        if ("request" in outcome) return onRequest(exchange, outcome.request);
        stats.refused++;
        return respond(exchange, { status: outcome.status }, "", {});
      },
      onClose: finish,
    };
  }

  return { peer: { accept }, misbehave: rules.add, stats: () => ({ ...stats }) };
}
