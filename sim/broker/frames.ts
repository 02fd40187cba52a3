// SPDX-License-Identifier: MIT
// Cuts the bytes of a connection into whole control packets by their fixed header (section 2.2). A
// packet that announces more than is allowed ends the stream before it is collected.

/** Reader of one connection. */
export interface FrameReader {
  /**
   * Takes received bytes, in any split, and calls `onFrame` for each packet that is complete.
   *
   * @returns null, or why the stream is broken; then nothing may be fed any more
   */
  feed(chunk: Buffer): string | null;
  /** Goes on with what was left when `onFrame` said stop; as `feed`. */
  resume(): string | null;
}

/**
 * Length of the packet that begins at `at`.
 *
 * @returns 0 when more bytes are needed to know, -1 when the length is malformed
 */
function frameLength(bytes: Buffer, at: number): number {
  let length = 0;
  for (let size = 1; size <= 4; size++) {
    const byte = bytes[at + size];
    if (byte === undefined) return 0;
    length += (byte & 127) << (7 * (size - 1));
    if (byte < 128) return 1 + size + length;
  }
  return -1; // Five length bytes: section 2.2.3.
}

/**
 * Creates a reader.
 *
 * @param maxBytes longest packet, with its header
 * @param onFrame gets each packet; returns false to stop until `resume`
 */
export function createFrameReader(
  maxBytes: number,
  onFrame: (frame: Buffer) => boolean,
): FrameReader {
  /** Chunks that wait for more, and their length; joined only when a packet is complete. */
  let parts: Buffer[] = [];
  let size = 0;
  let wanted = 2;
  let isHeld = false;

  const read = (): string | null => {
    const bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    let at = 0;
    let problem: string | null = null;
    for (;;) {
      const rest = bytes.length - at;
      wanted = 2;
      if (rest < 2) break;
      const length = frameLength(bytes, at);
      if (length < 0) problem = "length";
      else if (length > maxBytes) problem = "packet-size";
      if (problem) break;
      wanted = length || rest + 1;
      if (rest < wanted) break;
      const frame = bytes.subarray(at, at + length);
      at += length;
      wanted = 2;
      isHeld = !onFrame(frame);
      if (isHeld) break;
    }
    size = bytes.length - at;
    parts = size > 0 ? [bytes.subarray(at)] : [];
    return problem;
  };

  return {
    feed: (chunk) => {
      // One whole packet, as nearly all come: nothing to collect and nothing to cut.
      const isAlone = size === 0 && !isHeld && chunk.length >= 2 && chunk.length <= maxBytes;
      if (isAlone && frameLength(chunk, 0) === chunk.length) {
        isHeld = !onFrame(chunk);
        return null;
      }
      parts.push(chunk);
      size += chunk.length;
      return isHeld || size < wanted ? null : read();
    },
    resume: () => {
      isHeld = false;
      return size < wanted ? null : read();
    },
  };
}
