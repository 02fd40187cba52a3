// SPDX-License-Identifier: MIT
// Heads and bodies of HTTP messages as the interpreter reads and writes them. Its liberties:
// - A body has the length of Content-Length, or is chunked, or is over with the head: what comes
//   with the head or at once after it is data, the rest is cut off by closing.
// - Of two headers with one name the script's object keeps the first; a header without a value is
//   dropped; names keep their case.
// - Bytes that nobody takes count as received each time they are offered.
// Not for: sockets (link.ts, http-server.ts).
import type { Framing } from "./link.ts";

/** First line and headers. */
export interface Head {
  /** The first line, cut at its first two spaces. */
  words: [string, string, string];
  headers: Record<string, string>;
  /** Bytes behind it. */
  rest: string;
}

/** Parses a head; null while it is not complete. */
export function parseHead(bytes: string): Head | null {
  const end = /\r+\n+\r+\n/.exec(bytes);
  if (!end) return null;
  const headEnd = end.index + end[0].length;
  const head = bytes.slice(0, headEnd);
  const [firstLine = ""] = head.split("\r", 1);
  const [first = ""] = firstLine.split(" ", 1);
  const rest = firstLine.slice(first.length + 1);
  const [second = ""] = rest.split(" ", 1);
  // Without a second space the interpreter takes everything that follows for the third word.
  const third = rest.includes(" ")
    ? rest.slice(second.length + 1)
    : bytes.slice(first.length + second.length + 2);
  const headers: Record<string, string> = {};
  for (const line of head.split(/[\r\n]+/).slice(1)) {
    const match = /^([^:]+):\s*(\S[^]*)$/.exec(line);
    if (match && !Object.hasOwn(headers, match[1] as string)) {
      headers[match[1] as string] = match[2] as string;
    }
  }
  return { words: [first, second, third], headers, rest: bytes.slice(headEnd) };
}

/** Value of a header whose name is written in any case. */
export function headerOf(headers: object, name: string): unknown {
  const wanted = name.toLowerCase();
  const found = Object.keys(headers).find((key) => key.toLowerCase() === wanted);
  return found === undefined ? undefined : (headers as Record<string, unknown>)[found];
}

/** True when the headers say that the body is sent in chunks. */
export function isChunked(headers: object): boolean {
  const coding = headerOf(headers, "Transfer-Encoding");
  return typeof coding === "string" && coding.toLowerCase() === "chunked";
}

/** Headers as text, each line with its end. */
export function headersText(headers: object, text: (value: unknown) => string): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${text(value)}\r\n`)
    .join("");
}

/** A piece of a chunked body. */
export function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

/**
 * How one message is taken apart.
 *
 * @param onHead gets the head when it is complete
 */
export function createFraming(onHead: (head: Head) => void): Framing {
  let hasHead = false;
  let hasChunks = false;
  /** Bytes to come; of a chunked body 1 until the last chunk. */
  let awaited = 1;

  const cutChunk: Framing["cut"] = (unread) => {
    if (unread.length < 5) return null;
    const size = parseInt(unread, 16) || 0;
    awaited = size > 0 ? 1 : 0;
    if (size === 0) return { data: "", rest: "", hasMore: false };
    const start = unread.indexOf("\r\n") + 2;
    const missing = start + size + 2 - unread.length;
    // Only the end of the line is missing.
    if (missing === 1 || missing === 2) return null;
    const data = unread.slice(start, start + size);
    if (missing <= 0) return { data, rest: unread.slice(start + size + 2), hasMore: missing < 0 };
    return { data, rest: `${(missing - 2).toString(16)}\r\n`, hasMore: false };
  };
  return {
    get hasHead() {
      return hasHead;
    },
    isAwaiting: () => !hasHead || awaited > 0,
    takeHead: (unread) => {
      const head = parseHead(unread);
      if (!head) return null;
      hasHead = true;
      hasChunks = isChunked(head.headers);
      const length = parseInt(String(headerOf(head.headers, "Content-Length")), 10) || 0;
      awaited = hasChunks ? 1 : length;
      onHead(head);
      return { rest: head.rest };
    },
    cut: (unread) => {
      if (hasChunks) return cutChunk(unread);
      awaited -= unread.length;
      return { data: unread, rest: "", hasMore: false };
    },
  };
}
