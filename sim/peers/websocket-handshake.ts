// SPDX-License-Identifier: MIT
// The opening handshake of a WebSocket, the server's side (RFC 6455 section 4.2).
import { createHash } from "node:crypto";
import type { HttpRequest } from "./http-request.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Sec-WebSocket-Accept for a key (section 4.2.2, step 5.4). */
export function acceptValue(key: string): string {
  return createHash("sha1")
    .update(key + GUID)
    .digest("base64");
}

/** Whether a header that is a list of words has this one, in any case. */
function hasWord(value: string | undefined, word: string): boolean {
  return (value ?? "").split(",").some((part) => part.trim().toLowerCase() === word);
}

/** A handshake that is right. */
export interface Handshake {
  key: string;
  /** Subprotocol agreed on; empty for none. */
  protocol: string;
}

/**
 * Checks a handshake request.
 *
 * @param protocols subprotocols that the server speaks, of which one is needed; none: none is used
 * @returns the status of the refusal when it is wrong
 */
export function checkHandshake(
  { method, headers }: HttpRequest,
  protocols: readonly string[],
): Handshake | { status: 400 | 405 | 426 } {
  if (method !== "GET") return { status: 405 };
  const isUpgrade =
    hasWord(headers["upgrade"], "websocket") && hasWord(headers["connection"], "upgrade");
  if (!isUpgrade) return { status: 426 };
  if (headers["sec-websocket-version"] !== "13") return { status: 426 }; // Section 4.4.
  const key = headers["sec-websocket-key"] ?? "";
  if (!/^[A-Za-z0-9+/]{21}[AQgw]==$/.test(key)) return { status: 400 }; // 16 bytes.
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((part) => part.trim());
  const protocol = offered.find((name) => protocols.includes(name));
  if (protocols.length > 0 && protocol === undefined) return { status: 400 };
  return { key, protocol: protocol ?? "" };
}
