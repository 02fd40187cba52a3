// SPDX-License-Identifier: MIT
// An SNTP version 4 server (RFC 4330, RFC 5905 section 7.3) that tells the world's time, or lies as
// it is asked to.
import type { SimClock } from "../clock/clock.ts";
import type { DatagramPeer } from "../network/peer.ts";
import { createRules } from "./rules.ts";
import type { Rule } from "./rules.ts";

/** Seconds from the NTP epoch (1900) to 1970. */
const NTP_EPOCH_SEC = 2_208_988_800;

/** When NTP's seconds begin anew at 0, 2036-02-07T06:28:16Z, ms since 1970. */
export const NTP_ERA_1_MS = (0x1_0000_0000 - NTP_EPOCH_SEC) * 1000;

const PACKET_BYTES = 48;
const MODE_CLIENT = 3;
const MODE_SERVER = 4;

/** What is wrong with an answer; the rest of it stays right. */
export interface TimeLie {
  /** Its clock is this far ahead, ms; negative: behind. */
  offsetMs?: number;
  /** Stratum 0 with this code of four letters, such as RATE, DENY or RSTR (RFC 4330 section 8). */
  kissOfDeath?: string;
  /** 0 (unspecified) to 255; 2 when right. */
  stratum?: number;
  /** 3: the server's clock is not set. */
  leap?: 0 | 1 | 2 | 3;
  /** Packet mode; 4 (server) when right. */
  mode?: number;
  /** The originate timestamp is not the request's: an answer to somebody else, or forged. */
  hasWrongOrigin?: boolean;
  /** The transmit timestamp is 0. */
  hasNoTime?: boolean;
  /** Only so many of the 48 bytes are sent. */
  bytes?: number;
  /** It is sent this much later, with the time of that moment. */
  delayMs?: number;
}

/** One rule, such as `{ on: "request", count: 3, do: { kissOfDeath: "RATE" } }`. */
export interface TimeRule extends Rule {
  on: "request";
  /** Addresses that it is for, `*` standing for any run of characters; all unless given. */
  client?: string;
  do: "silent" | TimeLie;
}

/** A time server. */
export interface TimeServer {
  /** The program to serve at port 123 of a host. */
  readonly peer: DatagramPeer;
  /** Puts rules in force; the function given back ends them. */
  misbehave(rules: TimeRule | readonly TimeRule[]): () => void;
  /** Requests that came and answers that were sent. */
  stats(): { requests: number; answers: number };
}

/** Writes an NTP timestamp: seconds of its era and a fraction of 32 bits (RFC 5905 section 6). */
function writeTimestamp(packet: Buffer, at: number, unixMs: number): void {
  const ms = Math.max(0, unixMs + NTP_EPOCH_SEC * 1000);
  packet.writeUInt32BE(Math.floor(ms / 1000) % 0x1_0000_0000, at);
  packet.writeUInt32BE(Math.floor(((ms % 1000) / 1000) * 0x1_0000_0000), at + 4);
}

function answerTo(request: Buffer, receivedMs: number, nowMs: number, lie: TimeLie): Buffer {
  const { offsetMs = 0, stratum = 2, leap = 0, mode = MODE_SERVER } = lie;
  const packet = Buffer.alloc(PACKET_BYTES);
  const version = ((request[0] as number) >> 3) & 7;
  packet[0] = (leap << 6) | (version << 3) | mode;
  packet[1] = lie.kissOfDeath === undefined ? stratum : 0;
  packet[2] = request[2] as number; // Poll interval, as asked.
  packet[3] = 0xec; // Precision: 2^-20 s.
  packet.write(lie.kissOfDeath ?? "SIMU", 12, 4, "latin1"); // Reference identifier.
  writeTimestamp(packet, 16, receivedMs + offsetMs - 64_000); // When its clock was set last.
  request.copy(packet, 24, 40, 48); // Originate: the request's transmit timestamp.
  if (lie.hasWrongOrigin === true) packet[27] = (packet[27] as number) ^ 0xff;
  writeTimestamp(packet, 32, receivedMs + offsetMs);
  if (lie.hasNoTime !== true) writeTimestamp(packet, 40, nowMs + offsetMs);
  return packet.subarray(0, lie.bytes ?? PACKET_BYTES);
}

/** Creates a time server that tells the clock's time. */
export function createTimeServer({ clock }: { clock: SimClock }): TimeServer {
  const rules = createRules<TimeRule>((rule) => rule.client);
  let requests = 0;
  let answers = 0;
  return {
    peer: {
      onMessage: (bytes, from, reply) => {
        const isRequest =
          bytes.length >= PACKET_BYTES && ((bytes[0] as number) & 7) === MODE_CLIENT;
        if (!isRequest) return;
        requests++;
        const lie = rules.take("request", from.address)?.do ?? {};
        if (lie === "silent") return;
        const receivedMs = clock.now();
        const answer = (): void => {
          answers++;
          reply(answerTo(bytes, receivedMs, clock.now(), lie));
        };
        if (lie.delayMs === undefined) answer();
        else clock.setTimer(answer, lie.delayMs);
      },
    },
    misbehave: rules.add,
    stats: () => ({ requests, answers }),
  };
}
