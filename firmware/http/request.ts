// SPDX-License-Identifier: MIT
// HTTP/1.1 client on raw sockets (RFC 9110, RFC 9112): one connection, one request at a time.
import type { Failure, Runtime, Slot } from "../core/runtime.ts";
import type { Endpoint } from "../platform/board.ts";

/** A whole answer. */
export interface HttpResponse {
  /** 200 to 599. */
  status: number;
  /** Bytes, without chunks' lengths; empty where there is none. */
  body: string;
  /** Value of a field, its name in lower case; in lower case itself. Undefined when there is none. */
  header(name: string): string | undefined;
}

/** Called once, with the failure or with the answer. Whatever the status is, it is an answer. */
export type Answered = (failure: Failure | undefined, response?: HttpResponse) => void;

/** A client of one server. */
export interface HttpClient {
  /**
   * Sends a request when none is in hand.
   *
   * @param what method and target, e.g. `GET /bundle.js`
   * @param headers more header lines, each with its CRLF, e.g. `Range: bytes=0-1023\r\n`
   * @param body undefined: none, and no Content-Length
   */
  request(what: string, headers: string, body: string | undefined, done: Answered): void;
  /** Drops the connection; the request in hand is not answered any more. */
  close(): void;
}

/**
 * Creates a client without a connection.
 *
 * @param slot the owner's slot, used while a request is in hand
 * @param waitMs bound of each step: connecting, the head of the answer, the rest of it
 * @param bodyMaxBytes longest body that is taken
 */
export declare function createHttpClient(
  rt: Runtime,
  slot: Slot,
  endpoint: Endpoint,
  waitMs: number,
  bodyMaxBytes: number,
): HttpClient;
