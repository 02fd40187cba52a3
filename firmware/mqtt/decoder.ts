// SPDX-License-Identifier: MIT
// Incremental decoder of the packet stream: bytes in, one call per complete packet out. It is
// bounded: a packet that announces more than it may have ends the stream before it is collected.
// What a packet means is session.ts's business.

/** Takes one packet apart from its length bytes. Returns false to end the stream. */
export type PacketHandler = (head: number, body: string) => boolean;

/** Decoder of one connection. */
export interface Decoder {
  /**
   * Takes received bytes, in any split.
   * @returns undefined, or why the stream has ended; then nothing may be fed any more.
   */
  feed(chunk: string): string | undefined;
}

/**
 * Creates a decoder.
 * @param maxBytes largest packet body accepted, bytes
 * @param onPacket called in a loop from `feed`, in order
 */
export function createDecoder(maxBytes: number, onPacket: PacketHandler): Decoder {
  let buffer = "";
  // Bytes that must be there before looking again is worth while.
  let wanted = 2;
  return {
    feed: (chunk) => {
      buffer += chunk;
      if (buffer.length < wanted) return undefined;
      let at = 0;
      for (;;) {
        wanted = 2;
        const rest = buffer.length - at;
        if (rest < 2) break;
        // Remaining length, section 2.2.3: seven bits a byte, at most four bytes.
        let length = 0;
        let size = 1;
        let byte = 128;
        while (byte & 128 && size < rest && size <= 4) {
          byte = buffer.charCodeAt(at + size);
          length += (byte & 127) << (7 * (size - 1));
          size++;
        }
        if (byte & 128) {
          if (size > 4) return "length-bytes";
          wanted = rest + 1;
          break;
        }
        if (length > maxBytes) return "packet-bytes=" + length;
        if (rest < size + length) {
          wanted = size + length;
          break;
        }
        const head = buffer.charCodeAt(at);
        const body = buffer.slice(at + size, at + size + length);
        at += size + length;
        if (!onPacket(head, body)) return "ended";
      }
      if (at) buffer = buffer.slice(at);
      return undefined;
    },
  };
}
