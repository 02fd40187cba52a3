// SPDX-License-Identifier: MIT
// WebSocket frames to bytes and back (RFC 6455 section 5), as a server sends and receives them.

/** Opcodes (section 5.2). */
export const OPCODE = { more: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A frame that has come in whole, unmasked. */
export interface Frame {
  isLast: boolean;
  opcode: number;
  payload: Buffer;
}

/** Why a stream is broken: the close code that says so (section 7.4.1), and in words. */
export interface FrameProblem {
  code: 1002 | 1009;
  reason: string;
}

/** How a frame that is sent differs from a right one. */
export interface FrameFlaws {
  /** Masked, which only a client may do (section 5.1). */
  isMasked?: boolean;
}

/** Bytes of one frame. */
export function frameBytes(frame: Frame, flaws: FrameFlaws = {}): Buffer {
  const { payload } = frame;
  const first = (frame.isLast ? 0x80 : 0) | frame.opcode;
  const maskBit = flaws.isMasked === true ? 0x80 : 0;
  let head: Buffer;
  if (payload.length < 126) head = Buffer.from([first, maskBit | payload.length]);
  else if (payload.length < 0x1_0000) {
    head = Buffer.from([first, maskBit | 126, 0, 0]);
    head.writeUInt16BE(payload.length, 2);
  } else {
    head = Buffer.alloc(10);
    head[0] = first;
    head[1] = maskBit | 127;
    head.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  // A key of zeros leaves the payload as it is.
  return Buffer.concat([head, Buffer.alloc(maskBit ? 4 : 0), payload]);
}

/** A message as one frame, or as several of at most `fragmentBytes`. */
export function messageBytes(
  opcode: number,
  payload: Buffer,
  fragmentBytes: number,
  flaws: FrameFlaws,
): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < payload.length; at += fragmentBytes)
    parts.push(
      frameBytes(
        {
          isLast: at + fragmentBytes >= payload.length,
          opcode: at === 0 ? opcode : OPCODE.more,
          payload: payload.subarray(at, at + fragmentBytes),
        },
        flaws,
      ),
    );
  return Buffer.concat(parts);
}

/** Payload of a Close frame (section 5.5.1). */
export function closePayload(code: number, reason: string): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return payload;
}

interface Head {
  /** Bytes of the whole frame. */
  bytes: number;
  /** Where the masking key begins; the payload is behind it. */
  keyAt: number;
}

/** What the first bytes say; null while too few are there. */
function headOf(bytes: Buffer, maxBytes: number): Head | FrameProblem | null {
  if (bytes.length < 2) return null;
  const [first, second] = [bytes[0] as number, bytes[1] as number];
  const opcode = first & 15;
  const isControl = opcode >= 8;
  if (first & 0x70) return { code: 1002, reason: "reserved bits" };
  if ((opcode > 2 && opcode < 8) || opcode > 10) return { code: 1002, reason: "opcode" };
  if (!(second & 0x80)) return { code: 1002, reason: "unmasked" }; // Section 5.1.
  const short = second & 127;
  // Section 5.5: control frames are short and whole.
  if (isControl && (short > 125 || !(first & 0x80))) return { code: 1002, reason: "control frame" };
  const keyAt = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < keyAt) return null;
  const length =
    short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (length > maxBytes) return { code: 1009, reason: "too long" };
  return { bytes: keyAt + 4 + length, keyAt };
}

/**
 * Creates the reader of a connection.
 *
 * @param maxBytes longest payload of one frame
 * @param onFrame gets each frame; returns false to end the reading for good
 * @returns takes received bytes in any split; gives a problem, after which nothing may be fed
 */
export function createWebSocketReader(
  maxBytes: number,
  onFrame: (frame: Frame) => boolean,
): (chunk: Buffer) => FrameProblem | null {
  let parts: Buffer[] = [];
  let size = 0;
  let wanted = 2;
  return (chunk) => {
    parts.push(chunk);
    size += chunk.length;
    if (size < wanted) return null;
    let bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    for (;;) {
      const head = headOf(bytes, maxBytes);
      if (head && "code" in head) return head;
      wanted = head?.bytes ?? bytes.length + 1;
      if (!head || bytes.length < wanted) break;
      const key = bytes.subarray(head.keyAt, head.keyAt + 4);
      const payload = Buffer.from(bytes.subarray(head.keyAt + 4, head.bytes));
      for (let i = 0; i < payload.length; i++)
        payload[i] = (payload[i] as number) ^ (key[i & 3] as number);
      const first = bytes[0] as number;
      bytes = bytes.subarray(head.bytes);
      if (!onFrame({ isLast: first > 127, opcode: first & 15, payload })) return null;
    }
    parts = [bytes];
    size = bytes.length;
    return null;
  };
}
